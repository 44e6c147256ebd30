// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.vectors.CaseResult.Outcome;

/**
 * Runs cases on a backend, each with contiguous matrices and again with rows that have sentinels
 * between them, which must survive.
 */
public final class CaseRunner {
  private final OperationRunner runner;
  private final Function<String, StemAdapter> adapters;
  private final Set<String> lastBackends = new TreeSet<>();

  /**
   * Creates a runner.
   *
   * @param runner the backend to check
   * @param adapters gives the adapter of a stem, or null where there is none
   */
  public CaseRunner(OperationRunner runner, Function<String, StemAdapter> adapters) {
    this.runner = runner;
    this.adapters = adapters;
  }

  /**
   * Runs a case and compares its outputs.
   *
   * @param vectorCase the case
   * @return the outcome; the larger error of both layouts
   */
  public CaseResult run(VectorCase vectorCase) {
    lastBackends.clear();
    StemAdapter adapter = adapters.apply(vectorCase.stem());
    if (adapter == null) {
      return new CaseResult(
          vectorCase,
          Outcome.SKIPPED,
          0,
          "this library has no operation for the stem " + vectorCase.stem());
    }
    CaseResult contiguous = run(vectorCase, adapter, false);
    if (contiguous.outcome() != Outcome.PASSED) {
      return contiguous;
    }
    CaseResult strided = run(vectorCase, adapter, true);
    return strided.outcome() != Outcome.PASSED || strided.error() > contiguous.error()
        ? strided
        : contiguous;
  }

  /** Returns the names of the backends that ran the operations of the last case. */
  public Set<String> lastBackends() {
    return Collections.unmodifiableSet(lastBackends);
  }

  private CaseResult run(VectorCase vectorCase, StemAdapter adapter, boolean strided) {
    String layout = strided ? " (strided rows)" : "";
    try (HostMemory memory = new HostMemory()) {
      CaseCall call = new CaseCall(vectorCase, runner, memory, strided, lastBackends);
      try {
        adapter.run(call);
        call.checkAllUsed();
      } catch (VectorFormatException
          | IllegalArgumentException
          | IllegalStateException
          | IndexOutOfBoundsException
          | ArithmeticException e) {
        // That an invalid case cannot even be put into a call refuses it as well.
        return judgeError(vectorCase, e);
      }
      if (!vectorCase.isValid()) {
        return failed(
            vectorCase, 0, "accepted, expected an error with: " + vectorCase.error() + layout);
      }
      if (!call.paddingIntact()) {
        return failed(vectorCase, 0, "wrote between the rows of a strided matrix");
      }
      return compare(vectorCase, call.outputs(), layout);
    }
  }

  private static CaseResult judgeError(VectorCase vectorCase, RuntimeException e) {
    String message = String.valueOf(e.getMessage());
    if (vectorCase.isValid()) {
      return failed(vectorCase, 0, "refused: " + message);
    }
    boolean named = comparable(message).contains(comparable(vectorCase.error()));
    return named
        ? new CaseResult(vectorCase, Outcome.PASSED, 0, "")
        : failed(vectorCase, 0, "refused with: " + message + ", expected: " + vectorCase.error());
  }

  /** Without case, and without what sets row_weight apart from rowWeight. */
  private static String comparable(String message) {
    return message.toLowerCase(Locale.ROOT).replace("_", "");
  }

  private static CaseResult failed(VectorCase vectorCase, double error, String message) {
    return new CaseResult(vectorCase, Outcome.FAILED, error, message);
  }

  private static CaseResult compare(
      VectorCase vectorCase, Map<String, Matrix> outputs, String layout) {
    double worst = 0;
    for (Map.Entry<String, Tensor> entry : vectorCase.expect().entrySet()) {
      String name = entry.getKey();
      if (name.endsWith(".magnitude")) {
        continue;
      }
      Matrix got = outputs.get(name);
      if (got == null) {
        return failed(vectorCase, 0, "this library gives no output named " + name);
      }
      Tensor want = entry.getValue();
      if (got.elements() != want.elements()) {
        return failed(vectorCase, 0, name + ": got " + got + ", expected " + want);
      }
      Tensor magnitude = vectorCase.expect().get(name + ".magnitude");
      for (long i = 0; i < want.elements(); i++) {
        double value = number(got, i);
        double error = error(vectorCase, value, want, magnitude, i);
        if (!(error <= 1)) {
          return failed(
              vectorCase,
              error,
              name + "[" + i + "]: got " + value + ", expected " + want.number(i) + layout);
        }
        worst = Math.max(worst, error);
      }
    }
    return new CaseResult(vectorCase, Outcome.PASSED, worst, "");
  }

  private static double error(
      VectorCase vectorCase, double got, Tensor want, Tensor magnitude, long i) {
    double expected = want.number(i);
    if (want.isInteger()) {
      return got == expected ? 0 : Double.POSITIVE_INFINITY;
    }
    if (Double.isNaN(expected) || Double.isInfinite(expected)) {
      return Double.compare(got, expected) == 0 ? 0 : Double.POSITIVE_INFINITY;
    }
    double size = Math.abs(expected);
    if (magnitude != null) {
      size = Math.max(size, magnitude.number(i));
    }
    double difference = Math.abs(got - expected);
    double allowed = vectorCase.absolute() + vectorCase.relative() * size;
    return difference == 0 ? 0 : difference / allowed;
  }

  private static double number(Matrix m, long index) {
    long r = index / m.cols();
    long c = index % m.cols();
    return switch (m.type()) {
      case F32 -> m.getFloat(r, c);
      case F64 -> m.getDouble(r, c);
      case I8 -> m.getByte(r, c);
      case U8 -> Byte.toUnsignedInt(m.getByte(r, c));
      case I32 -> m.getInt(r, c);
      case I64 -> m.getLong(r, c);
      case BF16 -> m.getBfloat16(r, c);
    };
  }
}
