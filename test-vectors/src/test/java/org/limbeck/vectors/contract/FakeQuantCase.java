// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Group;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;

/** Specifications and arguments for the tests of fake_quant. */
final class FakeQuantCase {
  static final float NO_CLIP = Float.POSITIVE_INFINITY;

  private FakeQuantCase() {}

  /** Returns a specification whose bits follow from the group; LSQ has one group and no clip. */
  static FakeQuant.Spec spec(Scheme scheme, Group group, float clip, Ste ste) {
    boolean lsq = scheme == Scheme.LSQ;
    int bits = lsq ? 3 : group.equals(Group.TENSOR) ? 8 : 4;
    return new FakeQuant.Spec(scheme, bits, lsq ? Group.TENSOR : group, lsq ? NO_CLIP : clip, ste);
  }

  /** Returns all schemes with a clip for each group, and those without one for the first. */
  static List<FakeQuant.Spec> specs(Group... groups) {
    List<FakeQuant.Spec> specs = new ArrayList<>();
    for (Group group : groups) {
      for (Scheme scheme : Scheme.values()) {
        specs.add(spec(scheme, group, 1.5f, Ste.CLIPPED));
      }
    }
    for (Scheme scheme : Scheme.values()) {
      specs.add(spec(scheme, groups[0], NO_CLIP, Ste.PLAIN));
    }
    specs.add(spec(Scheme.TERNARY_TWN, groups[0], NO_CLIP, Ste.CLIPPED));
    specs.add(spec(Scheme.MIDRISE2, groups[0], NO_CLIP, Ste.CLIPPED));
    return specs;
  }

  /** Returns the step of LSQ. */
  static Matrix step(Tensors t) {
    Matrix step = t.vector(1);
    step.setFloat(0, 0, 0.3f);
    return step;
  }

  /** All outputs of both operations. */
  record Results(Matrix y, Matrix codes, Matrix scale, Matrix zero, Matrix gradX, Matrix gradStep) {
    /** Returns zeros to write to. */
    static Results of(Tensors t, FakeQuant.Spec spec, Matrix x) {
      long groups = spec.group().count(x.rows(), x.cols());
      boolean minMax = spec.scheme() == Scheme.UNIFORM_MINMAX;
      return new Results(
          t.zeros(DType.F32, x.rows(), x.cols()),
          t.zeros(spec.scheme().codeType(), x.rows(), x.cols()),
          t.vector(groups),
          minMax ? t.vector(groups) : null,
          t.zeros(DType.F32, x.rows(), x.cols()),
          spec.scheme() == Scheme.LSQ ? t.vector(1) : null);
    }

    /** Returns arguments that ask for all that the scheme has. */
    FakeQuant.Forward forward(Matrix x, Matrix step) {
      return new FakeQuant.Forward(x, gradStep == null ? null : step, y, codes, scale, zero);
    }

    /** Returns arguments of the backward operation, with the scale of the forward one. */
    FakeQuant.Backward backward(Matrix x, Matrix step, Matrix gradY) {
      return new FakeQuant.Backward(
          x, gradStep == null ? null : step, scale, gradY, gradX, gradStep);
    }
  }
}
