// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What the machine can do at most: fused multiply-adds, and copies of memory beyond all caches. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CeilingsBenchmark {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final long FMA_ROUNDS = 1_000_000;
  private static final int ACCUMULATORS = 12;
  private static final long COPY_FLOATS = 1L << 25;
  private static final long CHUNK_FLOATS = 1L << 15;

  private static final RangeBody<CeilingsBenchmark, Void> FMA =
      (bench, none, scratch, from, to) -> {
        for (long i = from; i < to; i++) {
          bench.sink.setFloat(i, 0, fma(0.999f + i * 1e-6f));
        }
      };

  private static final RangeBody<CeilingsBenchmark, Void> COPY =
      (bench, none, scratch, from, to) ->
          copy(bench.source.segment(), bench.target.segment(), from * 4, to * 4);

  /** The number of threads. */
  @Param({"1", "2"})
  public int threads;

  private HostMemory memory;
  private WorkerPool pool;
  private Matrix source;
  private Matrix target;
  private Matrix sink;

  /** Allocates what is copied: 128 MiB each way, four times a large last-level cache. */
  @Setup(Level.Trial)
  public void open() {
    memory = new HostMemory();
    pool = new WorkerPool(threads);
    source = memory.matrix(DType.F32, 1, COPY_FLOATS);
    target = memory.matrix(DType.F32, 1, COPY_FLOATS);
    sink = memory.matrix(DType.F32, threads, 1);
    source.segment().fill((byte) 1);
    target.segment().fill((byte) 2);
  }

  /** Frees it. */
  @TearDown(Level.Trial)
  public void close() {
    pool.close();
    memory.close();
  }

  /** Returns the floating-point operations of one call of {@link #fma}. */
  static double fmaFlops(int threads) {
    return 2.0 * FMA_ROUNDS * ACCUMULATORS * SPECIES.length() * threads;
  }

  /** Returns the bytes that one call of {@link #copy} reads and writes. */
  static double copyBytes() {
    return 8.0 * COPY_FLOATS;
  }

  /** Fused multiply-adds on registers, on every thread. */
  @Benchmark
  public void fma() {
    pool.forRange(threads, 1, this, null, FMA);
  }

  /** A copy of 128 MiB, shared by the threads. */
  @Benchmark
  public void copy() {
    pool.forRange(COPY_FLOATS, CHUNK_FLOATS, this, null, COPY);
  }

  private static float fma(float seed) {
    FloatVector x = FloatVector.broadcast(SPECIES, seed);
    FloatVector y = FloatVector.broadcast(SPECIES, 1e-3f);
    FloatVector a = y;
    FloatVector b = y;
    FloatVector c = y;
    FloatVector d = y;
    FloatVector e = y;
    FloatVector f = y;
    FloatVector g = y;
    FloatVector h = y;
    FloatVector i = y;
    FloatVector j = y;
    FloatVector k = y;
    FloatVector l = y;
    for (long round = 0; round < FMA_ROUNDS; round++) {
      a = a.fma(x, y);
      b = b.fma(x, y);
      c = c.fma(x, y);
      d = d.fma(x, y);
      e = e.fma(x, y);
      f = f.fma(x, y);
      g = g.fma(x, y);
      h = h.fma(x, y);
      i = i.fma(x, y);
      j = j.fma(x, y);
      k = k.fma(x, y);
      l = l.fma(x, y);
    }
    return a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l).lane(0);
  }

  private static void copy(MemorySegment from, MemorySegment to, long begin, long end) {
    for (long at = begin; at < end; at += SPECIES.vectorByteSize()) {
      FloatVector.fromMemorySegment(SPECIES, from, at, ByteOrder.LITTLE_ENDIAN)
          .intoMemorySegment(to, at, ByteOrder.LITTLE_ENDIAN);
    }
  }
}
