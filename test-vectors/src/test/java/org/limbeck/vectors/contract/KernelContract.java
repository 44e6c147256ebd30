// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Op;
import org.limbeck.vectors.OperationRunner;

/**
 * What the contract tests of all stems share. Each stem has one abstract class with its tests; a
 * backend runs them through a subclass that gives nothing but the backend's name.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class KernelContract {
  /** The seed of all random inputs; set the property to reproduce or to explore. */
  protected static final long SEED = Long.getLong("limbeck.seed", 20_221_107L);

  private final String backend;
  private OperationRunner tested;
  private OperationRunner twoThreads;
  private OperationRunner threeThreads;
  private Limbeck reference;

  /** Tests a backend by its name; one that is absent fails the tests. */
  protected KernelContract(String backend) {
    this.backend = backend;
  }

  @BeforeAll
  final void open() {
    tested = OperationRunner.open(backend, 1);
    twoThreads = OperationRunner.open(backend, 2);
    threeThreads = OperationRunner.open(backend, 3);
    reference = Limbeck.open(List.of("scalar"), 1);
  }

  @AfterAll
  final void close() {
    tested.close();
    twoThreads.close();
    threeThreads.close();
    reference.close();
  }

  /** Returns the name of the backend under test. */
  protected final String backend() {
    return backend;
  }

  /** Returns whether the backend under test is the reference itself. */
  protected final boolean isReference() {
    return backend.equals("scalar");
  }

  /** Returns the name of the backend that serves a specification: the one under test or scalar. */
  protected final <S, A> String servedBy(Op<S, A> op, S spec) {
    return tested.servedBy(op, spec);
  }

  /** Runs an operation on the backend under test, with one thread. */
  protected final <S, A> void run(Op<S, A> op, S spec, A arguments) {
    tested.run(op, spec, arguments);
  }

  /** Runs an operation on the backend under test, with 1, 2 or 3 threads. */
  protected final <S, A> void run(int threads, Op<S, A> op, S spec, A arguments) {
    List.of(tested, twoThreads, threeThreads).get(threads - 1).run(op, spec, arguments);
  }

  /** Runs an operation on the reference. */
  protected final <S, A> void runReference(Op<S, A> op, S spec, A arguments) {
    reference.operation(op, spec).run(arguments);
  }

  /**
   * Asserts that an operation allocates nothing once it is warm. The reference is spared: it is
   * written to be read.
   */
  protected final <S, A> void assertNoAllocation(Op<S, A> op, S spec, A arguments) {
    if (isReference()) {
      return;
    }
    try (OperationRunner.Prepared operation = tested.prepare(op, spec, arguments)) {
      assertNoAllocation(operation, () -> op + " with " + spec);
    }
  }

  private static void assertNoAllocation(
      OperationRunner.Prepared operation, Supplier<String> what) {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long deadline = System.nanoTime() + 180_000_000_000L;
    long allocated = Long.MAX_VALUE;
    // Warm when ten calls in a row allocate nothing; a kernel that boxes vectors never gets there.
    // The deadline is long because on a loaded machine the compiler is late.
    while (allocated != 0 && System.nanoTime() < deadline) {
      for (int i = 0; i < 200; i++) {
        operation.run();
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 10; i++) {
        operation.run();
      }
      allocated = threads.getCurrentThreadAllocatedBytes() - before;
    }
    assertEquals(0, allocated, () -> "allocated by ten calls after warm-up of " + what.get());
  }

  /**
   * Asserts that two matrices have the same bits, where any NaN is the same: which one operations
   * make is up to the processor.
   */
  protected static void assertSameBits(Matrix expected, Matrix actual, String what) {
    assertEquals(expected.type(), actual.type(), what);
    assertEquals(expected.rows(), actual.rows(), what);
    assertEquals(expected.cols(), actual.cols(), what);
    for (long r = 0; r < expected.rows(); r++) {
      for (long c = 0; c < expected.cols(); c++) {
        long want = bits(expected, r, c);
        long got = bits(actual, r, c);
        if (want != got) {
          long row = r;
          long col = c;
          assertEquals(
              want, got, () -> what + ": bits of element (" + row + ", " + col + "), seed " + SEED);
        }
      }
    }
  }

  private static long bits(Matrix m, long r, long c) {
    return switch (m.type()) {
      case F32 -> Float.floatToIntBits(m.getFloat(r, c));
      case F64 -> Double.doubleToLongBits(m.getDouble(r, c));
      case I64 -> m.getLong(r, c);
      case I32 -> m.getInt(r, c);
      case I8, U8 -> m.getByte(r, c);
      case BF16 -> Float.floatToIntBits(m.getBfloat16(r, c));
    };
  }

  /**
   * Asserts that an F32 value is within a bound of the expected one; NaN and infinities must match.
   */
  protected static void assertWithin(
      double expected, double actual, double bound, Supplier<String> what) {
    if (Double.isNaN(expected) || Double.isInfinite(expected)) {
      assertEquals(expected, actual, () -> what.get() + ", seed " + SEED);
      return;
    }
    assertTrue(
        Math.abs(expected - actual) <= bound,
        () ->
            what.get()
                + ": got "
                + actual
                + ", expected "
                + expected
                + " within "
                + bound
                + ", seed "
                + SEED);
  }

  /** Asserts that each element of an F32 matrix is within absolute + relative * |expected|. */
  protected static void assertClose(
      Matrix expected, Matrix actual, double relative, double absolute, String what) {
    for (long r = 0; r < expected.rows(); r++) {
      for (long c = 0; c < expected.cols(); c++) {
        double want = expected.getFloat(r, c);
        long row = r;
        long col = c;
        assertWithin(
            want,
            actual.getFloat(r, c),
            absolute + relative * Math.abs(want),
            () -> what + " at (" + row + ", " + col + ")");
      }
    }
  }

  /**
   * Row lengths around the lane counts of all vector widths, their unrolled multiples, and odd
   * ones.
   */
  protected static long[] sizesAroundLanes() {
    LongStream lanes =
        LongStream.of(4, 8, 16)
            .flatMap(
                n -> LongStream.of(n - 1, n, n + 1, 2 * n - 1, 2 * n + 1, 4 * n - 1, 4 * n + 1));
    return LongStream.concat(LongStream.of(1, 2, 3, 33, 127, 257, 1000, 4097), lanes)
        .distinct()
        .sorted()
        .toArray();
  }
}
