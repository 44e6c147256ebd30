// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.limbeck.bench.cases.Work;
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

/**
 * What the machine can do at most, with the instructions that the kernels use: fused multiply-adds
 * on registers, and copies and reads of buffers in a cache or beyond all of them. A copy counts the
 * bytes read and the bytes written.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CeilingsBenchmark {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final long FMA_ROUNDS = 500_000;
  private static final int ACCUMULATORS = 12;

  /** What the loops take at once with vectors of at most 512 bits. */
  private static final long GRAIN_FLOATS = 64;

  private static final long WARM_UP_FLOATS = 1L << 12;

  /** Small buffers are passed so often that handing work to threads does not count. */
  private static final long FLOATS_PASSED = 1L << 24;

  private static final RangeBody<CeilingsBenchmark, Void> FMA =
      (bench, none, scratch, from, to) -> {
        for (long i = from; i < to; i++) {
          bench.sink.setFloat(i, 0, fma(0.999f + i * 1e-6f));
        }
      };

  private static final RangeBody<CeilingsBenchmark, Void> COPY =
      (bench, none, scratch, from, to) -> {
        for (long pass = 0; pass < bench.passes; pass++) {
          copy(bench.source.segment(), bench.target.segment(), bench.part(from), bench.part(to));
        }
      };

  private static final RangeBody<CeilingsBenchmark, Void> READ =
      (bench, none, scratch, from, to) -> {
        float sum = 0;
        for (long pass = 0; pass < bench.passes; pass++) {
          sum = sum(bench.source.segment(), bench.part(from), bench.part(to));
        }
        bench.sink.setFloat(from, 0, sum);
      };

  private static final RangeBody<DotLoops, Dots> DOTS =
      (loops, work, scratch, from, to) -> {
        for (long i = from; i < to; i++) {
          loops.run(work.kind, work.rounds);
        }
      };

  /** The number of threads. */
  @Param("1")
  public int threads;

  /** The number of floats that are copied and read; a multiple of 64. */
  @Param("33554432")
  public long shape;

  /** How long small work warms up the loops, at least once. */
  @Param("1000")
  public int warmUpMillis;

  private HostMemory memory;
  private WorkerPool pool;
  private Matrix source;
  private Matrix target;
  private Matrix sink;
  private long passes;

  /** For JMH. */
  public CeilingsBenchmark() {}

  /** Returns the flops of a call of {@link #fma}. */
  static double fmaFlops(int threads) {
    return 2.0 * FMA_ROUNDS * ACCUMULATORS * SPECIES.length() * threads;
  }

  /** Returns the bytes that a call of {@link #copy} reads and writes. */
  static double copyBytes(long floats) {
    return 8.0 * floats * passes(floats);
  }

  /** Returns the bytes that a call of {@link #read} reads. */
  static double readBytes(long floats) {
    return 4.0 * floats * passes(floats);
  }

  private static long passes(long floats) {
    return Math.max(1, FLOATS_PASSED / floats);
  }

  /** Returns where the part of a thread begins, in bytes. */
  private long part(long index) {
    return shape / GRAIN_FLOATS * index / threads * GRAIN_FLOATS * Float.BYTES;
  }

  /** Allocates what is copied, warms up, and checks the copy and the sums. */
  @Setup(Level.Trial)
  public void open() {
    if (shape % GRAIN_FLOATS != 0 || shape < threads * GRAIN_FLOATS) {
      throw new UsageException(
          "ceiling: the shape is "
              + shape
              + ", expected a multiple of "
              + GRAIN_FLOATS
              + " and at least that for each thread");
    }
    memory = new HostMemory();
    pool = new WorkerPool(threads);
    passes = passes(shape);
    source = memory.matrix(DType.F32, 1, shape);
    target = memory.matrix(DType.F32, 1, shape);
    sink = memory.matrix(DType.F32, threads, 1);
    for (long i = 0; i < shape; i++) {
      source.setFloat(0, i, (float) (i % 16));
    }
    target.segment().fill((byte) 2);
    long small = Math.min(shape, WARM_UP_FLOATS) * Float.BYTES;
    Bench.warmUp(
        warmUpMillis,
        () -> {
          copy(source.segment(), target.segment(), 0, small);
          sink.setFloat(0, 0, sum(source.segment(), 0, small));
        });
    copy();
    read();
    if (source.segment().mismatch(target.segment()) != -1) {
      throw new IllegalStateException("the copy differs from its source");
    }
    // 0 to 15 again and again: 7.5 an element, in sums that float32 holds but for the last.
    for (int i = 0; i < threads; i++) {
      double want = (part(i + 1) - part(i)) / Float.BYTES * 7.5;
      if (Math.abs(sink.getFloat(i, 0) - want) > 1e-6 * want) {
        throw new IllegalStateException("a sum is " + sink.getFloat(i, 0) + ", not " + want);
      }
    }
  }

  /** Frees it. */
  @TearDown(Level.Trial)
  public void close() {
    pool.close();
    memory.close();
  }

  /** Fused multiply-adds on registers, on every thread. */
  @Benchmark
  public void fma() {
    pool.forRange(threads, 1, this, null, FMA);
  }

  /** A copy, shared by the threads. */
  @Benchmark
  public void copy() {
    pool.forRange(threads, 1, this, null, COPY);
  }

  /** A sum, shared by the threads. */
  @Benchmark
  public void read() {
    pool.forRange(threads, 1, this, null, READ);
  }

  /** Dot products on registers, on every thread. */
  void dots(DotLoops loops, Work.Arithmetic kind, long rounds) {
    pool.forRange(threads, 1, loops, new Dots(kind, rounds), DOTS);
  }

  private record Dots(Work.Arithmetic kind, long rounds) {}

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

  private static float sum(MemorySegment from, long begin, long end) {
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    long bytes = SPECIES.vectorByteSize();
    for (long at = begin; at < end; at += 4 * bytes) {
      a = a.add(FloatVector.fromMemorySegment(SPECIES, from, at, ByteOrder.LITTLE_ENDIAN));
      b = b.add(FloatVector.fromMemorySegment(SPECIES, from, at + bytes, ByteOrder.LITTLE_ENDIAN));
      c =
          c.add(
              FloatVector.fromMemorySegment(
                  SPECIES, from, at + 2 * bytes, ByteOrder.LITTLE_ENDIAN));
      d =
          d.add(
              FloatVector.fromMemorySegment(
                  SPECIES, from, at + 3 * bytes, ByteOrder.LITTLE_ENDIAN));
    }
    return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
  }
}
