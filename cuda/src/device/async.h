// SPDX-License-Identifier: Apache-2.0
//
// Copies into shared memory that go on while a thread computes (cp.async).

#pragma once

#include "device.h"

namespace lb {

#ifdef LB_EMULATED

/** Queues a copy of so many bytes, 0 to 16, from an address that is a multiple of 16; zeros make up the rest of the element. */
inline void copy_async(const Shared<uint4>& to, int64_t i, const void* from, int bytes) {
  const auto target = to.raw(i);
  if (reinterpret_cast<uintptr_t>(from) % 16 != 0 || bytes < 0 || bytes > 16) {
    lbe::fail("it copies %d bytes from %p, expected 0 to 16 from a multiple of 16", bytes, from);
  }
  // From now on until it is waited for, and not only then, another thread must not use the element.
  lbe::check_write(*target.cell, target.array, target.index);
  lbe::copy_later(
      [](void* data, lbe::Cell* cell, const char* array, int64_t index, const void* source, int count) {
        lbe::check_write(*cell, array, index);
        std::memset(data, 0, sizeof(uint4));
        std::memcpy(data, source, (size_t)count);
      },
      target.data, target.cell, target.array, target.index, from, bytes);
}

/** Ends a group of copies. */
inline void commit_copies() { lbe::commit_copies(); }

/** Waits for this thread's copies of all groups but the last ones; a barrier shows them to the others. */
template <int GROUPS_LEFT>
inline void wait_copies() {
  lbe::wait_copies(GROUPS_LEFT);
}

#else

LB_DEVICE void copy_async(const Shared<uint4>& to, int64_t i, const void* from, int bytes) {
  const unsigned target = (unsigned)__cvta_generic_to_shared(to.address() + i);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(__cvta_generic_to_global(from)), "r"(bytes) : "memory");
}

LB_DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int GROUPS_LEFT>
LB_DEVICE void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS_LEFT) : "memory");
}

#endif

}  // namespace lb
