// SPDX-License-Identifier: Apache-2.0
//
// Copies from device to shared memory that run while a thread goes on (cp.async): start some, close the group, wait for a group.
// What a thread has copied it may read after its wait, other threads after a barrier behind that.

#pragma once

#include "device.h"

namespace lb {

/** The same number, of which the compiler knows nothing: it computes anew what comes of it and keeps no register for it. */
LB_DEVICE int computed_anew(int v) {
#ifndef LB_EMULATED
  asm volatile("" : "+r"(v));
#endif
  return v;
}

struct Copies {
  /** Writes SIZE floats (1 or 4, aligned to their size on both sides): `count` from memory, then zeros. 0 reads nothing. */
  template <int SIZE>
  LB_DEVICE static void start(const Shared<float>& target, int64_t i, const float* source, int count) {
    static_assert(SIZE == 1 || SIZE == 4, "copies have 4 or 16 bytes");
#ifdef LB_EMULATED
    if (SIZE == 4) {
      target.check4(i);
      if (count > 0 && reinterpret_cast<uintptr_t>(source) % 16 != 0) {
        lbe::fail("it copies 16 bytes from an address that is no multiple of 16");
      }
    }
    for (int e = 0; e < SIZE; e++) {
      // For its check of the index.
      target.from(i + e + 1);
      lbe::copy_later(Shared<float>::copy_now, target.data + i + e, target.cells + (i + e) * target.cell_step, target.name, i + e,
                      e < count ? source + e : nullptr, 1);
    }
#else
    const unsigned address = (unsigned)__cvta_generic_to_shared(target.address() + i);
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(source), "n"(4 * SIZE), "r"(4 * count)
                 : "memory");
#endif
  }

  /** Closes the group of the copies started since the last one; it may be empty. */
  LB_DEVICE static void close() {
#ifdef LB_EMULATED
    lbe::commit_copies();
#else
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
  }

  /** Waits for this thread's groups but the newest LEFT. */
  template <int LEFT>
  LB_DEVICE static void wait() {
#ifdef LB_EMULATED
    lbe::wait_copies(LEFT);
#else
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
#endif
  }
};

}  // namespace lb
