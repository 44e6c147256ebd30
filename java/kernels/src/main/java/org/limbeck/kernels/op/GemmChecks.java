// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/** The checks that products of floats share, whatever the type of their factors. */
final class GemmChecks {
  private GemmChecks() {}

  /** Returns the check for factors of a type; C and the bias are F32. */
  static Op.Check<GemmF32.Spec, GemmF32.Arguments> of(DType type) {
    return (spec, args, checks) -> check(type, spec, args, checks);
  }

  private static void check(
      DType type, GemmF32.Spec spec, GemmF32.Arguments args, ArgumentChecks checks) {
    checks.present("c", args.c(), DType.F32);
    checks.usable("a", args.a(), type);
    checks.usable("b", args.b(), type);
    long m = args.m();
    long n = args.n();
    long k = args.k(spec);
    Matrix a = args.a();
    Matrix b = args.b();
    if (a.rows() != (spec.transA() ? k : m) || a.cols() != (spec.transA() ? m : k)) {
      throw checks.fail("a", a, "op(A) with " + m + " rows, as C has");
    }
    if (b.rows() != (spec.transB() ? n : k) || b.cols() != (spec.transB() ? k : n)) {
      throw checks.fail("b", b, "op(B) of shape [" + k + ", " + n + "]");
    }
    if (m > Integer.MAX_VALUE || k > Integer.MAX_VALUE) {
      throw checks.fail("a", a, "sizes of at most 2147483647");
    }
    if (spec.epilogue() == GemmF32.Epilogue.NONE) {
      checks.that(args.bias() == null, "bias", args.bias(), "null, as the epilogue adds none");
    } else {
      checks.vector("bias", args.bias(), DType.F32, n);
    }
    checks.disjoint("c", args.c(), "a", a);
    checks.disjoint("c", args.c(), "b", b);
    checks.disjoint("c", args.c(), "bias", args.bias());
    if (args.batch().count() > 1) {
      checkBatch(args, checks);
    }
  }

  private static void checkBatch(GemmF32.Arguments args, ArgumentChecks checks) {
    GemmF32.Batch t = args.batch();
    Matrix c = args.c();
    long spanA = spanBytes(checks, "a", args.a(), t.outer(), t.outerA(), t.inner(), t.innerA());
    long spanB = spanBytes(checks, "b", args.b(), t.outer(), t.outerB(), t.inner(), t.innerB());
    long spanC = spanBytes(checks, "c", c, t.outer(), t.outerC(), t.inner(), t.innerC());
    checkDistinct(checks, c, t);
    checkApart(checks, c, spanC, "a", args.a(), spanA);
    checkApart(checks, c, spanC, "b", args.b(), spanB);
    if (args.bias() != null) {
      checkApart(checks, c, spanC, "bias", args.bias(), args.n() * Float.BYTES);
    }
  }

  /** Returns how many bytes the matrices of a batch take from the first to the last element. */
  private static long spanBytes(
      ArgumentChecks checks,
      String name,
      Matrix first,
      long outer,
      long outerStride,
      long inner,
      long innerStride) {
    if (first.elements() == 0) {
      return 0;
    }
    try {
      long reach =
          Math.addExact(
              Math.multiplyExact(outer - 1, outerStride),
              Math.multiplyExact(inner - 1, innerStride));
      long last = (first.rows() - 1) * first.rowStride() + first.cols();
      long bytes = Math.multiplyExact(Math.addExact(reach, last), (long) first.type().bytes());
      if (bytes <= first.buffer().byteSize() - first.offsetBytes()) {
        return bytes;
      }
    } catch (ArithmeticException e) {
      // A number of more than 64 bits is past the end, too.
    }
    throw checks.fail(name, first + " as the first of a batch", "all matrices in its buffer");
  }

  /** Checks that the whole memory of C and that of another argument are apart. */
  private static void checkApart(
      ArgumentChecks checks, Matrix c, long bytesC, String name, Matrix other, long bytes) {
    long beginC = c.buffer().address() + c.offsetBytes();
    long begin = other.buffer().address() + other.offsetBytes();
    if (bytes > 0 && beginC < begin + bytes && begin < beginC + bytesC) {
      throw checks.fail("c", "memory that overlaps " + name, "separate memory");
    }
  }

  /** Checks that no two matrices of the batch share an element of C: the dimensions must nest. */
  private static void checkDistinct(ArgumentChecks checks, Matrix c, GemmF32.Batch batch) {
    int used = 0;
    long reach = 0;
    for (int step = 0; step < 4; step++) {
      int smallest = -1;
      for (int i = 0; i < 4; i++) {
        boolean free = (used & 1 << i) == 0;
        if (free && (smallest < 0 || strideOfC(c, batch, i) < strideOfC(c, batch, smallest))) {
          smallest = i;
        }
      }
      used |= 1 << smallest;
      long count = countOfC(c, batch, smallest);
      long stride = strideOfC(c, batch, smallest);
      if (count > 1) {
        if (stride <= reach) {
          throw checks.fail("c", "batch strides that make matrices overlap", "separate matrices");
        }
        reach += (count - 1) * stride;
      }
    }
  }

  private static long countOfC(Matrix c, GemmF32.Batch batch, int dimension) {
    return switch (dimension) {
      case 0 -> c.cols();
      case 1 -> c.rows();
      case 2 -> batch.inner();
      default -> batch.outer();
    };
  }

  private static long strideOfC(Matrix c, GemmF32.Batch batch, int dimension) {
    return switch (dimension) {
      case 0 -> 1;
      case 1 -> c.rowStride();
      case 2 -> batch.innerC();
      default -> batch.outerC();
    };
  }
}
