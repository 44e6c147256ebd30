// SPDX-License-Identifier: Apache-2.0
//
// What device code sees when g++ compiles it: the names of CUDA that the kernels use, over fibers. A block's threads run one
// after the other on one thread of the host, each until it ends or waits; blocks follow each other. Nothing here is fast.
//
// It refuses, with the kernel, the block, the thread and the line:
//   - a barrier that a thread of the block does not reach, or that threads reach at different lines;
//   - a shuffle or vote that a lane of its mask does not reach, or that reads a lane outside of the mask;
//   - an access outside of a shared array; a read of an element that no thread of the block has written;
//   - two accesses of an element of shared memory by two threads, one of them a write, without a barrier between them;
//     (a barrier in memory counts as one of the whole block);
//   - a write next to a buffer of device memory (found after the kernel; what lies there reads as NaN).

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
};
#define LBE_VECTORS(T, name)                                           \
  struct alignas(2 * sizeof(T)) name##2 {                              \
    T x, y;                                                            \
  };                                                                   \
  struct alignas(4 * sizeof(T)) name##4 {                              \
    T x, y, z, w;                                                      \
  };                                                                   \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }           \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
LBE_VECTORS(float, float)
LBE_VECTORS(int, int)
LBE_VECTORS(unsigned, uint)
#undef LBE_VECTORS

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace lbe {

/** Ends the launch with a message about the thread that runs; never returns. */
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

/** What a barrier gives besides order: over all threads of the block. */
struct Votes {
  int any, all, count;
};
Votes block_barrier(int predicate, const char* file, int line);

/** Waits for the lanes of the mask; returns the 32 values that they gave. */
const uint64_t* warp_exchange(unsigned mask, uint64_t value, const char* file, int line);
void warp_barrier(unsigned mask, const char* file, int line);
constexpr unsigned mask(unsigned lanes = 0xffffffffu) { return lanes; }

/** The largest cluster of blocks, and the place of this block in its own. */
constexpr int MAX_CLUSTER = 8;
int cluster_rank();
/** Waits for all threads of the cluster. Static shared memory does not outlive it here, dynamic does. */
void cluster_barrier(const char* file, int line);

// ---- Kernels by name ----

struct Kernel {
  const char* name;
  void (*invoke)(void (*function)(), const char* packed);
  void (*function)();
  int parameters;
  const int* sizes;
  int64_t bytes;
  int cluster;
  Kernel* next;
};
void add(Kernel* kernel);

template <class... A>
struct Parameters {
  static constexpr int count = sizeof...(A);
  static constexpr int sizes[count + 1] = {(int)sizeof(A)..., 0};
  static constexpr int64_t end(int index) {
    constexpr int64_t alignments[count + 1] = {(int64_t)alignof(A)..., 1};
    int64_t at = 0;
    for (int i = 0; i <= index; i++) {
      at = (at + alignments[i] - 1) / alignments[i] * alignments[i] + sizes[i];
    }
    return at;
  }
  template <size_t... I>
  static void call(void (*f)(A...), const char* packed, std::index_sequence<I...>) {
    f(*reinterpret_cast<const A*>(packed + end(I) - sizes[I])...);
  }
  static void invoke(void (*f)(), const char* packed) {
    call(reinterpret_cast<void (*)(A...)>(f), packed, std::index_sequence_for<A...>());
  }
};

struct Registration {
  Kernel kernel;
  template <class... A>
  Registration(const char* name, void (*f)(A...), int cluster = 1) {
    using P = Parameters<A...>;
    kernel = {name, P::invoke, reinterpret_cast<void (*)()>(f), P::count, P::sizes, P::end(P::count - 1), cluster, nullptr};
    add(&kernel);
  }
};

// ---- Shared memory ----

/** Who last wrote and read an element, and when. */
struct Cell {
  uint32_t write_epoch, write_warp_epoch, read_epoch, read_warp_epoch;
  int16_t writer, reader;
  bool read_by_warps, read_by_lanes;
};
void check_read(Cell& cell, const char* array, int64_t index);
void check_write(Cell& cell, const char* array, int64_t index);
char* dynamic_shared(Cell** cells, int64_t* bytes);

template <class T>
class Element {
  T* data;
  Cell* cell;
  const char* array;
  int64_t index;

 public:
  Element(T* d, Cell* c, const char* a, int64_t i) : data(d), cell(c), array(a), index(i) {}
  operator T() const {
    check_read(*cell, array, index);
    return *data;
  }
  T operator=(T value) {
    check_write(*cell, array, index);
    return *data = value;
  }
  T operator=(const Element& other) { return *this = (T)other; }
  T operator+=(T value) { return *this = (T)*this + value; }
};

/** Copies of cp.async: done when waited for, so that a read before is found as one of nothing written. */
void copy_later(void (*copy)(void* target, Cell* cells, const char* array, int64_t index, const void* source, int count),
                void* target, Cell* cells, const char* array, int64_t index, const void* source, int count);
void commit_copies();
void wait_copies(int newest_groups_left);

/** Lets other threads run until done(event, value). */
void wait_event(bool (*done)(const void* event, int value), const void* event, int value, const char* file, int line);
/** A barrier of some threads in memory is passed: what is done from now on is behind what was done before, for all threads. */
void pass_event();

}  // namespace lbe

#define LB_KERNEL(name) static const lbe::Registration lbe_registration_##name(#name, name)
#define LB_CLUSTER_KERNEL(name, blocks) static const lbe::Registration lbe_registration_##name(#name, name, blocks)

#define __syncthreads() ((void)lbe::block_barrier(0, __FILE__, __LINE__))
#define __syncthreads_or(p) (lbe::block_barrier((p) != 0, __FILE__, __LINE__).any)
#define __syncthreads_and(p) (lbe::block_barrier((p) != 0, __FILE__, __LINE__).all)
#define __syncthreads_count(p) (lbe::block_barrier((p) != 0, __FILE__, __LINE__).count)
#define __syncwarp(...) lbe::warp_barrier(lbe::mask(__VA_ARGS__), __FILE__, __LINE__)

namespace lbe {
template <class T>
T shuffle(unsigned mask, T value, int source, const char* file, int line) {
  static_assert(sizeof(T) <= 8, "shuffles move up to 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const uint64_t* all = warp_exchange(mask, bits, file, line);
  source &= 31;
  if (!(mask >> source & 1)) {
    fail("%s:%d reads lane %d, which is not in the mask %08x", file, line, source, mask);
  }
  T result;
  std::memcpy(&result, &all[source], sizeof(T));
  return result;
}
inline int lane() { return (int)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31u); }
inline unsigned ballot(unsigned mask, bool predicate, const char* file, int line) {
  const uint64_t* all = warp_exchange(mask, predicate, file, line);
  unsigned bits = 0;
  for (int i = 0; i < 32; i++) {
    bits |= (mask >> i & 1) && all[i] ? 1u << i : 0u;
  }
  return bits;
}
inline int clamped(int source, int from) { return source < 0 || source > 31 ? from : source; }
template <class T>
T reduce(unsigned mask, T value, T (*f)(T, T), const char* file, int line) {
  const uint64_t* all = warp_exchange(mask, (uint64_t)(int64_t)value, file, line);
  T result = value;
  bool first = true;
  for (int i = 0; i < 32; i++) {
    if (mask >> i & 1) {
      result = first ? (T)all[i] : f(result, (T)all[i]);
      first = false;
    }
  }
  return result;
}
template <class T>
T plus(T a, T b) {
  return a + b;
}
template <class T>
T larger(T a, T b) {
  return a > b ? a : b;
}
template <class T>
T smaller(T a, T b) {
  return a < b ? a : b;
}
}  // namespace lbe

#define __shfl_sync(mask, v, source) lbe::shuffle(mask, v, source, __FILE__, __LINE__)
#define __shfl_xor_sync(mask, v, x) lbe::shuffle(mask, v, lbe::lane() ^ (x), __FILE__, __LINE__)
#define __shfl_down_sync(mask, v, d) lbe::shuffle(mask, v, lbe::clamped(lbe::lane() + (int)(d), lbe::lane()), __FILE__, __LINE__)
#define __shfl_up_sync(mask, v, d) lbe::shuffle(mask, v, lbe::clamped(lbe::lane() - (int)(d), lbe::lane()), __FILE__, __LINE__)
#define __ballot_sync(mask, p) lbe::ballot(mask, (p) != 0, __FILE__, __LINE__)
#define __any_sync(mask, p) (lbe::ballot(mask, (p) != 0, __FILE__, __LINE__) != 0)
#define __all_sync(mask, p) (lbe::ballot(mask, (p) != 0, __FILE__, __LINE__) == (mask))
#define __reduce_add_sync(mask, v) lbe::reduce(mask, v, lbe::plus<decltype(+(v))>, __FILE__, __LINE__)
#define __reduce_max_sync(mask, v) lbe::reduce(mask, v, lbe::larger<decltype(+(v))>, __FILE__, __LINE__)
#define __reduce_min_sync(mask, v) lbe::reduce(mask, v, lbe::smaller<decltype(+(v))>, __FILE__, __LINE__)

// ---- Loads, bits, arithmetic ----

template <class T>
inline T __ldg(const T* p) {
  return *p;
}
template <class T>
inline T __ldcs(const T* p) {
  return *p;
}
template <class T>
inline T __ldcg(const T* p) {
  return *p;
}
template <class T>
inline void __stcs(T* p, T v) {
  *p = v;
}
template <class T>
inline void __stcg(T* p, T v) {
  *p = v;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

namespace lbe {
template <class To, class From>
inline To bits(From v) {
  To to;
  static_assert(sizeof to == sizeof v, "the same size");
  std::memcpy(&to, &v, sizeof to);
  return to;
}
}  // namespace lbe
inline int __float_as_int(float v) { return lbe::bits<int>(v); }
inline unsigned __float_as_uint(float v) { return lbe::bits<unsigned>(v); }
inline float __int_as_float(int v) { return lbe::bits<float>(v); }
inline float __uint_as_float(unsigned v) { return lbe::bits<float>(v); }
inline long long __double_as_longlong(double v) { return lbe::bits<long long>(v); }
inline double __longlong_as_double(long long v) { return lbe::bits<double>(v); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __clz(int v) { return v == 0 ? 32 : __builtin_clz((unsigned)v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) {
    c += (int)(int8_t)(a >> 8 * i) * (int)(int8_t)(b >> 8 * i);
  }
  return c;
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
  uint64_t both = (uint64_t)b << 32 | a;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) {
    unsigned selector = s >> 4 * i & 0xF;
    unsigned byte = (unsigned)(both >> 8 * (selector & 7)) & 0xFF;
    r |= ((selector & 8) ? (byte & 0x80 ? 0xFFu : 0u) : byte) << 8 * i;
  }
  return r;
}

inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline int64_t min(int64_t a, int64_t b) { return b < a ? b : a; }
inline int64_t max(int64_t a, int64_t b) { return a < b ? b : a; }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

inline float rsqrtf(float v) { return 1.0f / std::sqrt(v); }
inline double rsqrt(double v) { return 1.0 / std::sqrt(v); }
inline float normcdff(float v) { return 0.5f * erfcf(-v * 0.70710678118654752f); }
inline float __expf(float v) { return expf(v); }
inline float __logf(float v) { return logf(v); }
inline float __log2f(float v) { return log2f(v); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float v) { return v > 0.0f ? fminf(v, 1.0f) : 0.0f; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline int __float2int_rn(float v) {
  if (!(v > -2147483648.0f)) {
    return v == v ? INT32_MIN : 0;
  }
  return v >= 2147483648.0f ? INT32_MAX : (int)lrintf(v);
}
inline unsigned __float2uint_rn(float v) {
  return !(v > 0.0f) ? 0u : v >= 4294967296.0f ? UINT32_MAX : (unsigned)llrintf(v);
}
inline float __int2float_rn(int v) { return (float)v; }
inline float __uint2float_rn(unsigned v) { return (float)v; }

inline int atomicAdd(int* p, int v) {
  int old = *p;
  *p += v;
  return old;
}
inline unsigned atomicAdd(unsigned* p, unsigned v) {
  unsigned old = *p;
  *p += v;
  return old;
}
