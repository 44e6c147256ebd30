// SPDX-License-Identifier: Apache-2.0
//
// Copies from device to shared memory that go on while a thread computes (cp.async): queue some, commit the group, wait for it.
// What a thread has copied it may read after its wait, other threads after a barrier behind that.

#pragma once

#include "device.h"

namespace lb {

#ifdef LB_EMULATED

/** Copies so many bytes of an element once they are waited for; zeros make up the rest. */
template <class T>
inline void copy_element(const Shared<T>& to, int64_t i, const void* from, int bytes) {
  const auto target = to.raw(i);
  // From now on until it is waited for, and not only then, another thread must not use the element.
  lbe::check_write(*target.cell, target.array, target.index);
  lbe::copy_later(
      [](void* data, lbe::Cell* cell, const char* array, int64_t index, const void* source, int count) {
        lbe::check_write(*cell, array, index);
        std::memset(data, 0, sizeof(T));
        std::memcpy(data, source, (size_t)count);
      },
      target.data, target.cell, target.array, target.index, from, bytes);
}

/** Queues a copy of so many bytes, 0 to 16, from an address that is a multiple of 16; zeros make up the rest of the element. */
inline void copy_async(const Shared<uint4>& to, int64_t i, const void* from, int bytes) {
  if (reinterpret_cast<uintptr_t>(from) % 16 != 0 || bytes < 0 || bytes > 16) {
    lbe::fail("it copies %d bytes from %p, expected 0 to 16 from a multiple of 16", bytes, from);
  }
  copy_element(to, i, from, bytes);
}

/**
 * Queues a copy into SIZE floats, 1 or 4, aligned to their size on both sides: `count` of them from memory, 0 reads nothing, then
 * zeros.
 */
template <int SIZE>
inline void copy_async(const Shared<float>& to, int64_t i, const float* from, int count) {
  static_assert(SIZE == 1 || SIZE == 4, "copies have 4 or 16 bytes");
  if (reinterpret_cast<uintptr_t>(to.raw(i).data) % (4 * SIZE) != 0 ||
      (count > 0 && reinterpret_cast<uintptr_t>(from) % (4 * SIZE) != 0)) {
    lbe::fail("it copies %d bytes from %p into element %lld, expected multiples of that", 4 * SIZE, (const void*)from,
              (long long)i);
  }
  for (int e = 0; e < SIZE; e++) {
    copy_element(to, i + e, e < count ? from + e : from, e < count ? 4 : 0);
  }
}

/** Ends a group of copies; it may be empty. */
inline void commit_copies() { lbe::commit_copies(); }

/** Waits for this thread's copies of all groups but the last ones; a barrier shows them to the others. */
template <int GROUPS_LEFT>
inline void wait_copies() {
  lbe::wait_copies(GROUPS_LEFT);
}

/** Begins to bring what lies around an address of device memory into the second cache level; nothing waits for it. */
inline void prefetch(const void*) {}

#else

LB_DEVICE void copy_async(const Shared<uint4>& to, int64_t i, const void* from, int bytes) {
  const unsigned target = (unsigned)__cvta_generic_to_shared(to.address() + i);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(__cvta_generic_to_global(from)), "r"(bytes)
               : "memory");
}

template <int SIZE>
LB_DEVICE void copy_async(const Shared<float>& to, int64_t i, const float* from, int count) {
  static_assert(SIZE == 1 || SIZE == 4, "copies have 4 or 16 bytes");
  const unsigned target = (unsigned)__cvta_generic_to_shared(to.address() + i);
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(target), "l"(from), "n"(4 * SIZE), "r"(4 * count) : "memory");
}

LB_DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int GROUPS_LEFT>
LB_DEVICE void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS_LEFT) : "memory");
}

LB_DEVICE void prefetch(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(p))); }

#endif

}  // namespace lb
