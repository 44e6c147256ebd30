// SPDX-License-Identifier: Apache-2.0
//
// The emulator: fibers for the threads of a block, barriers, the checks of shared memory, device memory with red zones, and
// the functions that the Java side calls (lbe_...). One launch at a time; the caller's lock sees to that.

#include "emulator.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <sys/mman.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace lbe {
namespace {

constexpr int MAX_THREADS = 1024;
constexpr int64_t MAX_SHARED = 227 * 1024;
constexpr size_t STACK = 128 * 1024;
constexpr size_t PAGE = 4096;
constexpr int64_t RED_ZONE = 256;

enum State : uint8_t { READY, AT_BARRIER, AT_WARP, AT_EVENT, AT_CLUSTER, ENDED };

struct Copy {
  void (*copy)(void*, Cell*, const char*, int64_t, const void*, int);
  void* target;
  Cell* cells;
  const char* array;
  int64_t index;
  const void* source;
  int count;
  int group;
};

struct Fiber {
#if defined(__x86_64__)
  void* sp;
#else
  ucontext_t context;
#endif
  char* stack;
  State state;
  uint3 index;
  const char* file;
  int line;
  int predicate;
  int group;
  std::vector<Copy> copies;
  bool (*done)(const void*, int);
  const void* event;
  int event_value;
};

struct Warp {
  uint64_t given[32];
  uint64_t exchanged[32];
  unsigned mask, arrived;
  const char* file;
  int line;
  uint32_t epoch;
};

/** What each block of a cluster has for itself; they run by turns. */
struct Block {
  Fiber fibers[MAX_THREADS];
  Warp warps[MAX_THREADS / 32];
  std::vector<char> shared_bytes;
  std::vector<Cell> shared_cells;
};

Block blocks[MAX_CLUSTER];
int rank;
// Of the block that runs.
Fiber* fibers = blocks[0].fibers;
Warp* warps = blocks[0].warps;
#if defined(__x86_64__)
void* scheduler;
#else
ucontext_t scheduler;
#endif
int threads;
int current;
uint32_t epoch = 1;
uint32_t block_epoch = 1;
Votes votes;
bool failed;
bool descending;
char message[1024];
Kernel* kernels;
const Kernel* launched;
const char* packed_arguments;
int64_t shared_size;

#if defined(__x86_64__)
extern "C" void lbe_switch(void** save, void* load);
asm(".text\n"
    ".hidden lbe_switch\n"
    ".globl lbe_switch\n"
    ".type lbe_switch,@function\n"
    "lbe_switch:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".size lbe_switch, .-lbe_switch\n");
#endif

void to_scheduler() {
#if defined(__x86_64__)
  lbe_switch(&fibers[current].sp, scheduler);
#else
  swapcontext(&fibers[current].context, &scheduler);
#endif
}

void to_fiber(int thread) {
  current = thread;
  threadIdx = fibers[thread].index;
#if defined(__x86_64__)
  lbe_switch(&scheduler, fibers[thread].sp);
#else
  swapcontext(&scheduler, &fibers[thread].context);
#endif
}

void run_thread() {
  launched->invoke(launched->function, packed_arguments);
  fibers[current].state = ENDED;
  to_scheduler();
  __builtin_unreachable();
}

bool prepare(int thread) {
  Fiber& f = fibers[thread];
  if (f.stack == nullptr) {
    void* memory = mmap(nullptr, STACK + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, PAGE, PROT_NONE) != 0) {
      return false;
    }
    f.stack = static_cast<char*>(memory) + PAGE;
  }
  f.state = READY;
  f.group = 0;
  f.copies.clear();
  unsigned t = (unsigned)thread;
  f.index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
#if defined(__x86_64__)
  void** top = reinterpret_cast<void**>(f.stack + STACK);
  // What a call would leave: the return address at 8 modulo 16, below it the six registers that the switch takes.
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(run_thread);
  top -= 6;
  f.sp = top;
#else
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack;
  f.context.uc_stack.ss_size = STACK;
  f.context.uc_link = nullptr;
  makecontext(&f.context, run_thread, 0);
#endif
  return true;
}

void report(const char* format, ...) __attribute__((format(printf, 1, 2)));
void report(const char* format, ...) {
  if (failed) {
    return;
  }
  failed = true;
  int at = snprintf(message, sizeof message, "%s, block (%u, %u, %u)", launched == nullptr ? "?" : launched->name, blockIdx.x,
                    blockIdx.y, blockIdx.z);
  va_list list;
  va_start(list, format);
  vsnprintf(message + at, sizeof message - (size_t)at, format, list);
  va_end(list);
}

const char* base_name(const char* file) {
  const char* slash = strrchr(file, '/');
  return slash == nullptr ? file : slash + 1;
}

void report_stuck() {
  int ended = -1, waiting = -1, in_warp = -1, at_event = -1;
  for (int t = 0; t < threads; t++) {
    State s = fibers[t].state;
    ended = s == ENDED && ended < 0 ? t : ended;
    waiting = (s == AT_BARRIER || s == AT_CLUSTER) && waiting < 0 ? t : waiting;
    in_warp = s == AT_WARP && in_warp < 0 ? t : in_warp;
    at_event = s == AT_EVENT && at_event < 0 ? t : at_event;
  }
  if (in_warp >= 0) {
    const Warp& w = warps[in_warp / 32];
    report(": thread %d waits at %s:%d for lanes %08x of its warp, which do not come", in_warp, base_name(w.file), w.line,
           w.mask & ~w.arrived);
  } else if (at_event >= 0) {
    report(": thread %d waits at %s:%d for a barrier in memory, which nobody completes", at_event, base_name(fibers[at_event].file),
           fibers[at_event].line);
  } else {
    report(": thread %d waits at the barrier at %s:%d, which thread %d does not reach: it has ended", waiting,
           base_name(fibers[waiting].file), fibers[waiting].line, ended);
  }
}

/** Lets all threads go on that wait at a barrier, if all do. */
bool release_barrier() {
  votes = {0, 1, 0};
  for (int t = 0; t < threads; t++) {
    const Fiber& f = fibers[t];
    if (f.state != AT_BARRIER) {
      return false;
    }
    if (f.line != fibers[0].line || strcmp(f.file, fibers[0].file) != 0) {
      report(": thread 0 waits at the barrier at %s:%d and thread %d at another, at %s:%d", base_name(fibers[0].file),
             fibers[0].line, t, base_name(f.file), f.line);
      return true;
    }
    votes.any |= f.predicate;
    votes.all &= f.predicate;
    votes.count += f.predicate;
  }
  for (int t = 0; t < threads; t++) {
    fibers[t].state = READY;
  }
  epoch++;
  return true;
}

/** Whether all threads of the block are in a state. */
bool all_are(State state) {
  for (int t = 0; t < threads; t++) {
    if (fibers[t].state != state) {
      return false;
    }
  }
  return true;
}

/** Runs the threads of a block until all have ended or wait for the other blocks of the cluster. */
void run_block() {
  for (;;) {
    bool progress = false;
    for (int i = 0; i < threads / 32; i++) {
      int warp = descending ? threads / 32 - 1 - i : i;
      bool again = true;
      while (again) {
        again = false;
        for (int j = 0; j < 32; j++) {
          int t = 32 * warp + (descending ? 31 - j : j);
          Fiber& f = fibers[t];
          if (f.state == READY || (f.state == AT_EVENT && f.done(f.event, f.event_value))) {
            f.state = READY;
            to_fiber(t);
            if (failed) {
              return;
            }
            again = progress = true;
          }
        }
      }
    }
    if (progress) {
      continue;
    }
    if (all_are(ENDED) || all_are(AT_CLUSTER)) {
      return;
    }
    if (!release_barrier()) {
      report_stuck();
    }
    if (failed) {
      return;
    }
  }
}

/** Goes on with the block of a place in the cluster; x: that of the first. */
void select(int place, unsigned x) {
  rank = place;
  blockIdx.x = x + (unsigned)place;
  fibers = blocks[place].fibers;
  warps = blocks[place].warps;
  epoch++;
}

/** Runs the blocks of a cluster, the first of which is blockIdx. */
void run_cluster() {
  const unsigned x = blockIdx.x;
  const int count = launched->cluster;
  epoch++;
  block_epoch = epoch;
  for (int b = 0; b < count; b++) {
    select(b, x);
    for (int w = 0; w < threads / 32; w++) {
      warps[w].arrived = 0;
      warps[w].epoch = 1;
    }
    for (int t = 0; t < threads; t++) {
      if (!prepare(t)) {
        report(": no memory for the stacks of %d threads", threads);
        return;
      }
    }
  }
  for (int ended = 0; ended < count;) {
    ended = 0;
    for (int i = 0; i < count; i++) {
      select(descending ? count - 1 - i : i, x);
      run_block();
      if (failed) {
        return;
      }
      ended += fibers[0].state == ENDED;
    }
    if (ended != 0 && ended != count) {
      report(": %d of the %d blocks of a cluster have ended, the others wait for them at a barrier", ended, count);
      return;
    }
    for (int b = 0; b < count && ended == 0; b++) {
      for (int t = 0; t < threads; t++) {
        blocks[b].fibers[t].state = READY;
      }
    }
  }
}

// ---- Device memory ----

std::map<uintptr_t, int64_t>& buffers() {
  static auto* map = new std::map<uintptr_t, int64_t>;
  return *map;
}

/** Returns the position of the first byte beside a buffer that was written, in a text; nullptr if none was. */
const char* broken(uintptr_t begin, int64_t bytes) {
  static char text[128];
  const char* zones[2] = {reinterpret_cast<char*>(begin) - RED_ZONE, reinterpret_cast<char*>(begin) + bytes};
  for (int z = 0; z < 2; z++) {
    for (int64_t i = 0; i < RED_ZONE; i++) {
      if (zones[z][i] != (char)0xFF) {
        snprintf(text, sizeof text, "a write %lld bytes %s a buffer of %lld bytes", (long long)(z == 1 ? i : RED_ZONE - i),
                 z == 1 ? "behind the end of" : "before", (long long)bytes);
        memset(reinterpret_cast<char*>(begin) - RED_ZONE, 0xFF, RED_ZONE);
        memset(reinterpret_cast<char*>(begin) + bytes, 0xFF, RED_ZONE);
        return text;
      }
    }
  }
  return nullptr;
}

/** Looks around the buffers that arguments point into. */
void check_buffers(const Kernel& kernel, const char* packed) {
  int64_t at = 0;
  for (int i = 0; i < kernel.parameters && !failed; i++) {
    int64_t size = kernel.sizes[i];
    at = (at + size - 1) / size * size + size;
    if (size != 8) {
      continue;
    }
    uint64_t value;
    memcpy(&value, packed + at - size, sizeof value);
    auto next = buffers().upper_bound(value);
    if (next != buffers().begin()) {
      --next;
      if (value <= next->first + (uint64_t)next->second) {
        const char* what = broken(next->first, next->second);
        if (what != nullptr) {
          report(" the last: %s, which argument %d points into", what, i);
        }
      }
    }
  }
}

}  // namespace

void fail(const char* format, ...) {
  if (!failed) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    report(", thread %d: %s", current, text);
  }
  to_scheduler();
  __builtin_unreachable();
}

Votes block_barrier(int predicate, const char* file, int line) {
  Fiber& f = fibers[current];
  f.state = AT_BARRIER;
  f.predicate = predicate;
  f.file = file;
  f.line = line;
  to_scheduler();
  return votes;
}

int cluster_rank() { return rank; }

void cluster_barrier(const char* file, int line) {
  Fiber& f = fibers[current];
  f.state = AT_CLUSTER;
  f.file = file;
  f.line = line;
  to_scheduler();
}

const uint64_t* warp_exchange(unsigned mask, uint64_t value, const char* file, int line) {
  Warp& w = warps[current / 32];
  int lane = current % 32;
  if (!(mask >> lane & 1)) {
    fail("%s:%d: its lane %d is not in the mask %08x", base_name(file), line, lane, mask);
  }
  if (w.arrived == 0) {
    w.mask = mask;
    w.file = file;
    w.line = line;
  } else if (w.mask != mask || w.line != line || strcmp(w.file, file) != 0) {
    fail("it is at %s:%d with mask %08x while lanes %08x of its warp are at %s:%d with mask %08x", base_name(file), line, mask,
         w.arrived, base_name(w.file), w.line, w.mask);
  }
  w.given[lane] = value;
  w.arrived |= 1u << lane;
  if (w.arrived == mask) {
    memcpy(w.exchanged, w.given, sizeof w.given);
    w.arrived = 0;
    for (int i = 0; i < 32; i++) {
      Fiber& other = fibers[current / 32 * 32 + i];
      if ((mask >> i & 1) && i != lane) {
        other.state = READY;
      }
    }
  } else {
    fibers[current].state = AT_WARP;
    to_scheduler();
  }
  return w.exchanged;
}

void warp_barrier(unsigned mask, const char* file, int line) {
  Warp& w = warps[current / 32];
  uint32_t before = w.epoch;
  warp_exchange(mask, 0, file, line);
  if (w.epoch == before) {
    w.epoch++;
  }
}

void wait_event(bool (*done)(const void*, int), const void* event, int value, const char* file, int line) {
  Fiber& f = fibers[current];
  f.state = AT_EVENT;
  f.done = done;
  f.event = event;
  f.event_value = value;
  f.file = file;
  f.line = line;
  to_scheduler();
}

void pass_event() { epoch++; }

void add(Kernel* kernel) {
  kernel->next = kernels;
  kernels = kernel;
}

void check_read(Cell& cell, const char* array, int64_t index) {
  int warp = current / 32;
  uint32_t now = warps[warp].epoch;
  if (cell.write_epoch < block_epoch) {
    fail("it reads %s[%lld] of shared memory, which no thread of the block has written", array, (long long)index);
  }
  if (cell.write_epoch == epoch && cell.writer != current && (cell.writer / 32 != warp || cell.write_warp_epoch == now)) {
    fail("it reads %s[%lld] of shared memory, which thread %d has written, without a barrier between them", array,
         (long long)index, cell.writer);
  }
  if (cell.read_epoch != epoch) {
    cell.read_by_warps = false;
  } else if (cell.reader / 32 != warp) {
    cell.read_by_warps = true;
    return;
  }
  cell.read_by_lanes = cell.read_epoch == epoch && cell.read_warp_epoch == now && (cell.read_by_lanes || cell.reader != current);
  cell.read_epoch = epoch;
  cell.read_warp_epoch = now;
  cell.reader = (int16_t)current;
}

void check_write(Cell& cell, const char* array, int64_t index) {
  int warp = current / 32;
  uint32_t now = warps[warp].epoch;
  if (cell.write_epoch == epoch && cell.writer != current && (cell.writer / 32 != warp || cell.write_warp_epoch == now)) {
    fail("it writes %s[%lld] of shared memory, which thread %d has written, without a barrier between them", array,
         (long long)index, cell.writer);
  }
  if (cell.read_epoch == epoch &&
      (cell.read_by_warps || cell.reader / 32 != warp ||
       (cell.read_warp_epoch == now && (cell.read_by_lanes || cell.reader != current)))) {
    fail("it writes %s[%lld] of shared memory, which thread %d has read, without a barrier between them", array,
         (long long)index, cell.reader);
  }
  cell.write_epoch = epoch;
  cell.write_warp_epoch = now;
  cell.writer = (int16_t)current;
}

char* dynamic_shared(Cell** cells, int64_t* bytes) {
  *cells = blocks[rank].shared_cells.data();
  *bytes = shared_size;
  uintptr_t at = reinterpret_cast<uintptr_t>(blocks[rank].shared_bytes.data());
  return reinterpret_cast<char*>((at + 127) / 128 * 128);
}

void copy_later(void (*copy)(void*, Cell*, const char*, int64_t, const void*, int), void* target, Cell* cells, const char* array,
                int64_t index, const void* source, int count) {
  Fiber& f = fibers[current];
  f.copies.push_back({copy, target, cells, array, index, source, count, f.group});
}

void commit_copies() { fibers[current].group++; }

void wait_copies(int newest_groups_left) {
  Fiber& f = fibers[current];
  size_t kept = 0;
  for (size_t i = 0; i < f.copies.size(); i++) {
    Copy c = f.copies[i];
    if (c.group < f.group - newest_groups_left) {
      c.copy(c.target, c.cells, c.array, c.index, c.source, c.count);
    } else {
      f.copies[kept++] = c;
    }
  }
  f.copies.resize(kept);
}

}  // namespace lbe

using namespace lbe;

#define LBE_API extern "C" __attribute__((visibility("default")))

/** Returns memory that nothing has written: every byte 0xFF, so that floats read as NaN. 0 where there is none. */
LBE_API int64_t lbe_allocate(int64_t bytes) {
  size_t size = (size_t)(bytes + 2 * RED_ZONE);
  void* memory = bytes < 0 || bytes > (int64_t)1 << 40 ? nullptr : aligned_alloc(256, (size + 255) / 256 * 256);
  if (memory == nullptr) {
    return 0;
  }
  memset(memory, 0xFF, size);
  uintptr_t begin = reinterpret_cast<uintptr_t>(memory) + RED_ZONE;
  buffers()[begin] = bytes;
  return (int64_t)begin;
}

/** Returns 0, or 1 if there is no such buffer or something was written beside it. */
LBE_API int lbe_free(int64_t address) {
  auto found = buffers().find((uintptr_t)address);
  if (found == buffers().end()) {
    snprintf(message, sizeof message, "no buffer begins at %llx", (unsigned long long)address);
    return 1;
  }
  const char* what = broken(found->first, found->second);
  if (what != nullptr) {
    snprintf(message, sizeof message, "found when a buffer was freed: %s", what);
  }
  free(reinterpret_cast<char*>(address) - RED_ZONE);
  buffers().erase(found);
  return what == nullptr ? 0 : 1;
}

/** Returns the kernel of a name, or 0. */
LBE_API int64_t lbe_find(const char* name) {
  for (const Kernel* k = kernels; k != nullptr; k = k->next) {
    if (strcmp(k->name, name) == 0) {
      return (int64_t)(intptr_t)k;
    }
  }
  return 0;
}

/** Returns the size of a parameter in bytes, or -1 where there is no such parameter. */
LBE_API int lbe_parameter_size(int64_t kernel, int index) {
  const Kernel* k = reinterpret_cast<const Kernel*>((intptr_t)kernel);
  return index < 0 || index >= k->parameters ? -1 : k->sizes[index];
}

/** Makes blocks and threads run from the last to the first. */
LBE_API void lbe_descending(int yes) { descending = yes != 0; }

/** Returns why the last call failed. */
LBE_API const char* lbe_message() { return message; }

LBE_API int lbe_launch(int64_t kernel, int grid_x, int grid_y, int grid_z, int block, int64_t shared, const char* packed,
                       int64_t bytes) {
  const Kernel& k = *reinterpret_cast<const Kernel*>((intptr_t)kernel);
  launched = &k;
  failed = false;
  blockIdx = {0, 0, 0};
  if (bytes != k.bytes) {
    report(": %lld bytes of arguments, expected %lld", (long long)bytes, (long long)k.bytes);
  } else if (grid_x < 1 || grid_y < 1 || grid_z < 1 || grid_y > 65535 || grid_z > 65535) {
    report(": a grid of %d x %d x %d blocks, expected at least 1 and at most 65535 in y and z", grid_x, grid_y, grid_z);
  } else if (grid_x % k.cluster != 0) {
    report(": a grid of %d blocks in x, expected a multiple of the cluster of %d", grid_x, k.cluster);
  } else if (block < 32 || block > MAX_THREADS || block % 32 != 0) {
    report(": blocks of %d threads, expected whole warps, at most %d threads", block, MAX_THREADS);
  } else if (shared < 0 || shared > MAX_SHARED) {
    report(": %lld bytes of shared memory, expected at most %lld", (long long)shared, (long long)MAX_SHARED);
  }
  if (failed) {
    return 1;
  }
  for (int b = 0; b < k.cluster; b++) {
    if ((int64_t)blocks[b].shared_cells.size() < shared) {
      blocks[b].shared_bytes.resize((size_t)shared + 128);
      blocks[b].shared_cells.resize((size_t)shared);
    }
  }
  shared_size = shared;
  threads = block;
  packed_arguments = packed;
  gridDim = {(unsigned)grid_x, (unsigned)grid_y, (unsigned)grid_z};
  blockDim = {(unsigned)block, 1, 1};
  int64_t count = (int64_t)grid_x * grid_y * grid_z;
  for (int64_t i = 0; i < count && !failed; i += k.cluster) {
    int64_t b = descending ? count - k.cluster - i : i;
    blockIdx = {(unsigned)(b % grid_x), (unsigned)(b / grid_x % grid_y), (unsigned)(b / grid_x / grid_y)};
    run_cluster();
  }
  if (!failed) {
    check_buffers(k, packed);
  }
  return failed ? 1 : 0;
}
