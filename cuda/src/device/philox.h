// SPDX-License-Identifier: Apache-2.0
//
// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the four words of a
// block are a function of (seed, stream, block) alone, the same as on the host.

#pragma once

#include "device.h"

namespace lb {

LB_DEVICE uint4 philox(uint64_t seed, uint64_t stream, uint64_t block) {
  uint4 c = make_uint4((unsigned)block, (unsigned)(block >> 32), (unsigned)stream, (unsigned)(stream >> 32));
  unsigned key0 = (unsigned)seed;
  unsigned key1 = (unsigned)(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * c.x;
    const uint64_t p1 = (uint64_t)0xCD9E8D57u * c.z;
    c = make_uint4((unsigned)(p1 >> 32) ^ c.y ^ key0, (unsigned)p1, (unsigned)(p0 >> 32) ^ c.w ^ key1, (unsigned)p0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

}  // namespace lb
