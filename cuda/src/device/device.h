// SPDX-License-Identifier: Apache-2.0
//
// What every kernel includes first: CUDA, or the emulator's names for it where g++ compiles (see cuda/README.md).
//
//   extern "C" __global__ void lb_<stem>_<variant>_kernel(...) {...}
//   LB_KERNEL(lb_<stem>_<variant>_kernel);           makes it known by its name
//   LB_SHARED(float, tile, 32 * 33);                 a shared array; tile[i] reads and writes an element
//   LB_DYNAMIC_SHARED(area);                         the dynamic shared memory of the launch
//   lb::Shared<float> row = area.at<float>(0, n);    n elements of it from a byte on
//
// An element of shared memory is read into a variable with its type named, not `auto`: under emulation it is an object that
// checks accesses. load4 and store4 move four floats from an index that is a multiple of 4, load2 and store2 two from an even one.

#pragma once

#include <cstdint>

#ifdef LB_EMULATED
#include "../../emulator/emulator.h"
#else
#define LB_KERNEL(name) static_assert(true, #name)
#define LB_CLUSTER_KERNEL(name, blocks) LB_KERNEL(name)
#endif

#define LB_DEVICE __device__ __forceinline__

namespace lb {

constexpr unsigned FULL_WARP = 0xffffffffu;
constexpr int WARP = 32;

/** The same number, of which the compiler knows nothing: it computes anew what comes of it and keeps no register for it. */
LB_DEVICE int computed_anew(int v) {
#ifndef LB_EMULATED
  asm volatile("" : "+r"(v));
#endif
  return v;
}

#ifdef LB_EMULATED

template <class T>
class Shared {
  T* data;
  lbe::Cell* cells;
  int64_t length;
  int64_t cell_step;
  const char* name;

  static void copy_now(void* target, lbe::Cell* cells, const char* array, int64_t index, const void* source, int count) {
    for (int i = 0; i < count; i++) {
      lbe::check_write(cells[i], array, index + i);
      static_cast<T*>(target)[i] = source == nullptr ? T(0) : static_cast<const T*>(source)[i];
    }
  }

 public:
  /** cell_step: how many cells an element has; 1, or its bytes in dynamic shared memory. */
  Shared(T* d, lbe::Cell* c, int64_t n, int64_t step, const char* what) : data(d), cells(c), length(n), cell_step(step), name(what) {}
  lbe::Element<T> operator[](int64_t i) const {
    if (i < 0 || i >= length) {
      lbe::fail("it reaches for %s[%lld] of shared memory, which has %lld elements", name, (long long)i, (long long)length);
    }
    return {data + i, cells + i * cell_step, name, i};
  }
  Shared from(int64_t i) const {
    if (i < 0 || i > length) {
      lbe::fail("it reaches for %s[%lld] of shared memory, which has %lld elements", name, (long long)i, (long long)length);
    }
    return {data + i, cells + i * cell_step, length - i, cell_step, name};
  }
  void load2(int64_t i, float& low, float& high) const {
    check(i, 8);
    low = (*this)[i], high = (*this)[i + 1];
  }
  float4 load4(int64_t i) const {
    check(i, 16);
    float4 v;
    v.x = (*this)[i], v.y = (*this)[i + 1], v.z = (*this)[i + 2], v.w = (*this)[i + 3];
    return v;
  }
  void store2(int64_t i, float first, float second) const {
    check(i, 8);
    (*this)[i] = first, (*this)[i + 1] = second;
  }
  void store4(int64_t i, float4 v) const {
    check(i, 16);
    (*this)[i] = v.x, (*this)[i + 1] = v.y, (*this)[i + 2] = v.z, (*this)[i + 3] = v.w;
  }

  /** An element for the twins of instructions, which see to the checks themselves. */
  struct Raw {
    T* data;
    lbe::Cell* cell;
    const char* array;
    int64_t index;
  };
  Raw raw(int64_t i) const {
    (void)(*this)[i];
    return {data + i, cells + i * cell_step, name, i};
  }

 private:
  void check(int64_t i, int bytes) const {
    if (reinterpret_cast<uintptr_t>(data + i) % (uintptr_t)bytes != 0) {
      lbe::fail("it moves %d bytes at %s[%lld] of shared memory, which is no multiple of them", bytes, name, (long long)i);
    }
  }
};

/** Static shared memory with its cells; zeroed once, at load. */
template <class T, int N>
struct SharedMemory {
  alignas(128) T data[N];
  lbe::Cell cells[N];
};

class SharedArea {
 public:
  template <class T>
  Shared<T> at(int64_t byte, int64_t count) const {
    lbe::Cell* cells;
    int64_t bytes;
    char* data = lbe::dynamic_shared(&cells, &bytes);
    if (byte < 0 || byte % (int64_t)sizeof(T) != 0 || byte + count * (int64_t)sizeof(T) > bytes) {
      lbe::fail("it takes %lld bytes of dynamic shared memory from byte %lld on, of %lld", (long long)(count * sizeof(T)),
                (long long)byte, (long long)bytes);
    }
    return {reinterpret_cast<T*>(data + byte), cells + byte, count, (int64_t)sizeof(T), "dynamic"};
  }
};

#define LB_SHARED(T, name, count)                       \
  static lb::SharedMemory<T, (count)> name##_memory;    \
  const lb::Shared<T> name(name##_memory.data, name##_memory.cells, (count), 1, #name)
#define LB_DYNAMIC_SHARED(name) const lb::SharedArea name

#else

template <class T>
class Shared {
  T* data;

 public:
  LB_DEVICE explicit Shared(T* d) : data(d) {}
  LB_DEVICE T& operator[](int64_t i) const { return data[i]; }
  /** The elements from an index on. */
  LB_DEVICE Shared from(int64_t i) const { return Shared(data + i); }
  LB_DEVICE void load2(int64_t i, float& low, float& high) const {
    const float2 v = *reinterpret_cast<const float2*>(data + i);
    low = v.x, high = v.y;
  }
  LB_DEVICE float4 load4(int64_t i) const { return *reinterpret_cast<const float4*>(data + i); }
  LB_DEVICE void store2(int64_t i, float first, float second) const {
    *reinterpret_cast<float2*>(data + i) = make_float2(first, second);
  }
  LB_DEVICE void store4(int64_t i, float4 v) const { *reinterpret_cast<float4*>(data + i) = v; }
  /** For instructions that take an address of shared memory. */
  LB_DEVICE T* address() const { return data; }
};

class SharedArea {
  unsigned char* data;

 public:
  LB_DEVICE explicit SharedArea(unsigned char* d) : data(d) {}
  template <class T>
  LB_DEVICE Shared<T> at(int64_t byte, int64_t) const {
    return Shared<T>(reinterpret_cast<T*>(data + byte));
  }
};

#define LB_SHARED(T, name, count)                  \
  __shared__ __align__(128) T name##_memory[count]; \
  const lb::Shared<T> name(name##_memory)
#define LB_DYNAMIC_SHARED(name)                          \
  extern __shared__ __align__(128) unsigned char lb_dynamic[]; \
  const lb::SharedArea name(lb_dynamic)

#endif

}  // namespace lb
