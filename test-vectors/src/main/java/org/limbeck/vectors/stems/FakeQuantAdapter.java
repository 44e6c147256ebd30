// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Group;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * fake_quant: params scheme, bits (8), granularity (tensor, row; or head with group_rows and
 * group_cols), clip (none), ste (clipped); inputs x, grad_y, step; expects y, codes, scale, zero,
 * grad_x, grad_step.
 */
final class FakeQuantAdapter implements StemAdapter {
  private enum Granularity {
    TENSOR,
    ROW,
    HEAD
  }

  @Override
  public void run(CaseCall call) {
    Scheme scheme = call.choice("scheme", Scheme.class, Scheme.TERNARY_TWN);
    FakeQuant.Spec spec =
        new FakeQuant.Spec(
            scheme,
            bits(call, scheme),
            group(call),
            (float) call.number("clip", Double.POSITIVE_INFINITY),
            call.choice("ste", Ste.class, Ste.CLIPPED));
    Matrix x = call.input("x", DType.F32);
    Matrix step = call.optionalVector("step", DType.F32);
    // A shape that the groups do not divide is for the library to refuse.
    long groups = x.elements() == 0 ? 1 : Math.max(1, spec.group().count(x.rows(), x.cols()));
    Matrix y = call.output("y", DType.F32, x.rows(), x.cols());
    Matrix codes = call.optionalOutput("codes", scheme.codeType(), x.rows(), x.cols());
    Matrix scale = call.output("scale", DType.F32, 1, groups);
    Matrix zero = call.optionalOutput("zero", DType.F32, 1, groups);
    call.run(FakeQuant.FORWARD, spec, new FakeQuant.Forward(x, step, y, codes, scale, zero));
    if (call.has("grad_y")) {
      Matrix gradY = call.input("grad_y", DType.F32);
      Matrix gradX = call.output("grad_x", DType.F32, x.rows(), x.cols());
      Matrix gradStep = scheme == Scheme.LSQ ? call.output("grad_step", DType.F32, 1, 1) : null;
      call.run(
          FakeQuant.BACKWARD, spec, new FakeQuant.Backward(x, step, scale, gradY, gradX, gradStep));
    }
  }

  /** Returns the bits. The signs of a tensor are one bit each, which the uniform schemes lack. */
  private static int bits(CaseCall call, Scheme scheme) {
    int bits = Math.toIntExact(call.integer("bits", 8));
    return scheme == Scheme.SIGN && bits == 1 ? 2 : bits;
  }

  private static Group group(CaseCall call) {
    return switch (call.choice("granularity", Granularity.class, Granularity.TENSOR)) {
      case TENSOR -> Group.TENSOR;
      case ROW -> Group.ROW;
      case HEAD -> Group.head(call.integer("group_rows", 0), call.integer("group_cols", 0));
    };
  }
}
