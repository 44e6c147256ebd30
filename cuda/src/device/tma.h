// SPDX-License-Identifier: Apache-2.0
//
// Tiles that the copy engine of sm_90 fetches (TMA), and barriers in shared memory that count arrivals and bytes (mbarrier).
//
// A TensorMap describes bf16, or floats that arrive rounded to tf32, ties to even, in up to four dimensions and a box of 128 bytes
// of the first; the driver makes it. In shared memory a box is lines of 128 bytes from a multiple of 1024 bytes on, the eight
// chunks of a line exchanged by the line's number modulo 8. What lies outside of the tensor arrives as zeros. The twin copies at
// once.

#pragma once

#include "device.h"

namespace lb {

#ifdef LB_EMULATED

struct alignas(128) TensorMap {
  int64_t address;
  int64_t sizes[4];
  /** In bytes, of all dimensions but the first. */
  int64_t strides[3];
  int32_t box[4];
  int32_t steps[4];
  /** The driver's number: 9 bf16, 11 tf32. */
  int32_t type;
};
static_assert(sizeof(TensorMap) == 128, "as large as the driver's");

class Barriers {
  struct Word {
    uint8_t phase, expected, pending, unused;
    int32_t bytes;

    void complete() {
      if (pending == 0 && bytes == 0) {
        phase ^= 1;
        pending = expected;
        lbe::pass_event();
      }
    }
  };
  Shared<uint64_t> words;

  Word* word(int i) const { return reinterpret_cast<Word*>(words.raw(i).data); }
  static bool passed(const void* word, int parity) { return static_cast<const Word*>(word)->phase != parity; }

 public:
  explicit Barriers(const Shared<uint64_t>& w) : words(w) {}
  void init(int i, int arrivals) const { *word(i) = {0, (uint8_t)arrivals, (uint8_t)arrivals, 0, 0}; }
  static void publish() {}
  void arrive(int i) const {
    word(i)->pending--;
    word(i)->complete();
  }
  void expect(int i, int bytes) const {
    word(i)->bytes += bytes;
    arrive(i);
  }
  void wait(int i, int parity) const {
    if (!passed(word(i), parity)) {
      lbe::wait_event(passed, word(i), parity, __FILE__, __LINE__);
    }
  }
  void fetch(int i, const Shared<uint4>& to, const TensorMap& map, int c0, int c1, int c2, int c3) const {
    const int bytes = map.type == 9 ? 2 : 4;
    const bool known = map.type == 9 || map.type == 11;
    if (!known || map.address % 16 != 0 || map.box[0] * bytes != 128 || map.box[2] != 1 || map.box[3] != 1) {
      lbe::fail("its map has a box of %d x %d x %d x %d of type %d at %llx", map.box[0], map.box[1], map.box[2], map.box[3],
                map.type, (unsigned long long)map.address);
    }
    for (int line = 0; line < map.box[1]; line++) {
      unsigned words[32] = {};
      const int64_t at[4] = {c0, c1 + line, c2, c3};
      bool inside = true;
      int64_t from = map.address;
      for (int d = 1; d < 4; d++) {
        inside = inside && at[d] >= 0 && at[d] < map.sizes[d];
        from += at[d] * map.strides[d - 1];
      }
      const int64_t left = inside ? map.sizes[0] - c0 : 0;
      if (left > 0) {
        std::memcpy(words, reinterpret_cast<const char*>(from) + c0 * bytes, (size_t)min((int64_t)map.box[0], left) * bytes);
      }
      for (int e = 0; map.type == 11 && e < 32; e++) {
        const bool finite = (words[e] & 0x7f800000u) != 0x7f800000u;
        words[e] = finite ? (words[e] + 0xfffu + (words[e] >> 13 & 1)) & ~0x1fffu : words[e];
      }
      for (int chunk = 0; chunk < 8; chunk++) {
        uint4 v;
        std::memcpy(&v, words + 4 * chunk, sizeof v);
        to[line * 8 + (chunk ^ (line & 7))] = v;
      }
    }
    word(i)->bytes -= map.box[1] * 128;
    word(i)->complete();
  }
};

/** How far dynamic shared memory begins before a multiple of 1024 bytes: the twins count from its beginning. */
inline int swizzle_padding() { return 0; }

#else

struct alignas(128) TensorMap {
  char opaque[128];
};

class Barriers {
  Shared<uint64_t> words;

  LB_DEVICE unsigned address(int i) const { return (unsigned)__cvta_generic_to_shared(words.address() + i); }

 public:
  LB_DEVICE explicit Barriers(const Shared<uint64_t>& w) : words(w) {}

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  /** One thread; a phase ends when so many arrivals and all expected bytes are there. */
  LB_DEVICE void init(int i, int arrivals) const {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address(i)), "r"(arrivals) : "memory");
  }
  /** By the thread that initialized, before the block's barrier. */
  LB_DEVICE static void publish() {
    asm volatile("fence.mbarrier_init.release.cluster;\n\tfence.proxy.async.shared::cta;" ::: "memory");
  }
  LB_DEVICE void arrive(int i) const {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address(i)) : "memory");
  }
  /** Arrives, and makes the phase wait for so many bytes. */
  LB_DEVICE void expect(int i, int bytes) const {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address(i)), "r"(bytes) : "memory");
  }
  /** Waits for the end of a phase: parity 0 for the first, 1 for the second, and so on; 1 passes before the first. */
  LB_DEVICE void wait(int i, int parity) const {
    unsigned passed = 0;
    while (passed == 0) {
      asm volatile(
          "{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\tselp.u32 %0, 1, 0, p;\n\t}"
          : "=r"(passed)
          : "r"(address(i)), "r"(parity)
          : "memory");
    }
  }

  /** Fetches the box from an element on; its bytes arrive at barrier i. One thread. */
  LB_DEVICE void fetch(int i, const Shared<uint4>& to, const TensorMap& map, int c0, int c1, int c2, int c3) const {
    const unsigned target = (unsigned)__cvta_generic_to_shared(to.address());
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(
            target),
        "l"(&map), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(address(i))
        : "memory");
  }
#endif
};

/** How many bytes dynamic shared memory begins before a multiple of 1024. */
LB_DEVICE int swizzle_padding() {
  LB_DYNAMIC_SHARED(area);
  const unsigned at = (unsigned)__cvta_generic_to_shared(area.at<unsigned char>(0, 0).address());
  return (int)((1024 - at % 1024) % 1024);
}

#endif

}  // namespace lb
