// SPDX-License-Identifier: Apache-2.0
//
// Matrix products of a group of four warps (wgmma of sm_90a): sums [64, 256] += A [64, 16] B [16, 256] of bf16, or A [64, 8]
// B [8, 256] of tf32, both factors in shared memory as boxes of 128-byte lines (see tma.h); those of tf32 lie along k. All 128
// threads call these functions together. A product reads its factors and writes its sums until it is waited for. Warp w holds rows
// 16 w and on, its lanes as those of mma.h: sums 4 j to 4 j + 3 are those of columns 8 j and on.

#pragma once

#include "device.h"

namespace lb {

/** Bytes from eight lines to the next eight, and from a box of 64 lines to the next. */
constexpr int LINES_8 = 1024;
constexpr int BOX_64 = 8192;

#ifdef LB_EMULATED

/** A factor from a byte of an area on; ALONG_K: lines hold terms, else rows (columns) of the product. */
struct GroupFactor {
  Shared<uint4> area;
  int start;

  /** The chunk that holds 16 bytes of terms of a row, or eight rows of a term. */
  template <int BYTES, bool ALONG_K>
  int chunk(int row, int term) const {
    const int byte = start + (ALONG_K ? row / 8 * LINES_8 + row % 8 * 128 + term * BYTES
                                      : row / 64 * BOX_64 + term / 8 * LINES_8 + term % 8 * 128 + row % 64 * 2);
    return (byte ^ (byte >> 7 & 7) << 4) / 16;
  }
  /** Of 4 bytes those of tf32 alone. */
  template <int BYTES, bool ALONG_K>
  double value(int row, int term) const {
    const auto* data = reinterpret_cast<const char*>(area.raw(chunk<BYTES, ALONG_K>(row, term)).data);
    unsigned bits = 0;
    std::memcpy(reinterpret_cast<char*>(&bits) + 4 - BYTES, data + (ALONG_K ? term : row) % (16 / BYTES) * BYTES, BYTES);
    return __uint_as_float(bits & ~0x1fffu);
  }
};
inline GroupFactor group_factor(const Shared<uint4>& area, int byte) { return {area, byte}; }

/** The products of a thread that are not waited for: what they read must stay. Sums are there at once. */
class GroupProducts {
  struct Read {
    const void* data;
    uint4 value;
    int group;
  };
  Read reads[128];
  int count = 0;
  int group = 0;

  /** Each thread watches an equal share of the chunks. */
  template <int ROWS, int BYTES, bool ALONG_K>
  void watch(const GroupFactor& f) {
    for (int i = (int)threadIdx.x % 128; i < ROWS * 2; i += 128) {
      const int at = ALONG_K ? f.chunk<BYTES, true>(i / 2, i % 2 * (16 / BYTES))
                             : f.chunk<BYTES, false>(i % (ROWS / 8) * 8, i / (ROWS / 8));
      const uint4 value = f.area[at];
      if (count == 128) {
        lbe::fail("it waits for too few of its products");
      }
      reads[count++] = {f.area.raw(at).data, value, group};
    }
  }

 public:
  void begin() {}

  template <int BYTES, bool A_ALONG_K, bool B_ALONG_K>
  void multiply(float (&d)[128], const GroupFactor& a, const GroupFactor& b) {
    constexpr int TERMS = 32 / BYTES;
    watch<64, BYTES, A_ALONG_K>(a);
    watch<256, BYTES, B_ALONG_K>(b);
    const int row = (int)threadIdx.x % 128 / 32 * 16 + lbe::lane() / 4;
    double left[2][TERMS];
    for (int q = 0; q < TERMS; q++) {
      left[0][q] = a.value<BYTES, A_ALONG_K>(row, q);
      left[1][q] = a.value<BYTES, A_ALONG_K>(row + 8, q);
    }
    for (int j = 0; j < 32; j++) {
      for (int e = 0; e < 2; e++) {
        double sums[2] = {0.0, 0.0};
        for (int q = 0; q < TERMS; q++) {
          const double right = b.value<BYTES, B_ALONG_K>(8 * j + lbe::lane() % 4 * 2 + e, q);
          sums[0] += left[0][q] * right;
          sums[1] += left[1][q] * right;
        }
        for (int i = 0; i < 2; i++) {
          float& sum = d[4 * j + 2 * i + e];
          sum = (float)(sum + sums[i]);
        }
      }
    }
  }

  void commit() { group++; }

  template <int GROUPS_LEFT>
  void wait() {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (std::memcmp(reads[i].data, &reads[i].value, sizeof(uint4)) != 0) {
        lbe::fail("shared memory that its product reads was overwritten");
      }
      if (reads[i].group >= group - GROUPS_LEFT) {
        reads[kept++] = reads[i];
      }
    }
    count = kept;
    // The warp goes on as one.
    lbe::warp_barrier(FULL_WARP, __FILE__, __LINE__);
  }
  void finish(float (&)[128]) { wait<0>(); }
};

template <int REGISTERS>
inline void more_registers() {}
template <int REGISTERS>
inline void fewer_registers() {}

#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)

struct GroupFactor {
  uint64_t descriptor;
};

/** The factor whose first line begins at a byte of an area that begins at a multiple of 1024 bytes. */
LB_DEVICE GroupFactor group_factor(const Shared<uint4>& area, int byte) {
  const unsigned start = (unsigned)__cvta_generic_to_shared(area.address()) + (unsigned)byte;
  // In units of 16 bytes: the start, the distance of boxes (only where lines lie across), that of eight lines; 1: 128 bytes a line.
  return {(uint64_t)((start & 0x3ffffu) >> 4) | (uint64_t)(BOX_64 >> 4) << 16 | (uint64_t)(LINES_8 >> 4) << 32 | (uint64_t)1 << 62};
}

/** The sums of a thread, in an instruction and as its operands. */
#define LB_GROUP_SUMS                                                                              \
  "{"                                                                                              \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                         \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "               \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "               \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "               \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "               \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "               \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "   \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127" \
  "}"
#define LB_GROUP_OPERANDS(d)                                                                                      \
  "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),                 \
  "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]),           \
  "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]),         \
  "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]),         \
  "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]),         \
  "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]),         \
  "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),         \
  "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63]),         \
  "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71]),         \
  "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79]),         \
  "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]),         \
  "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]),         \
  "+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]),     \
  "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]), \
  "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]), \
  "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])

class GroupProducts {
 public:
  /** Before the first product, and after the sums were touched. */
  LB_DEVICE void begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

  template <int BYTES, bool A_ALONG_K, bool B_ALONG_K>
  LB_DEVICE void multiply(float (&d)[128], const GroupFactor& a, const GroupFactor& b) {
    static_assert(BYTES == 2 || (A_ALONG_K && B_ALONG_K), "factors of tf32 lie along k");
    if (BYTES == 2) {
      asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " LB_GROUP_SUMS ", %128, %129, 1, 1, 1, %130, %131;"
                   : LB_GROUP_OPERANDS(d)
                   : "l"(a.descriptor), "l"(b.descriptor), "n"(A_ALONG_K ? 0 : 1), "n"(B_ALONG_K ? 0 : 1)
                   : "memory");
    } else {
      asm volatile("wgmma.mma_async.sync.aligned.m64n256k8.f32.tf32.tf32 " LB_GROUP_SUMS ", %128, %129, 1, 1, 1;"
                   : LB_GROUP_OPERANDS(d)
                   : "l"(a.descriptor), "l"(b.descriptor)
                   : "memory");
    }
  }

  /** Ends a group of products. */
  LB_DEVICE void commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

  /** Waits for all groups but the last ones. */
  template <int GROUPS_LEFT>
  LB_DEVICE void wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(GROUPS_LEFT) : "memory");
  }

  /** Waits for all: the sums may be read. */
  LB_DEVICE void finish(float (&d)[128]) {
    wait<0>();
#pragma unroll
    for (int i = 0; i < 128; i++) {
      asm volatile("" : "+f"(d[i])::"memory");
    }
  }
};

/** Gives registers from the warps of a group that need few to those that need many. */
template <int REGISTERS>
LB_DEVICE void more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}
template <int REGISTERS>
LB_DEVICE void fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

#endif

}  // namespace lb
