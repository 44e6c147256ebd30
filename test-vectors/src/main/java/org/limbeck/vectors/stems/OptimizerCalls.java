// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.vectors.CaseCall;

/**
 * What optimizers share: parameters learning_rate (1e-3), step (1); inputs w, g, m, v; expects w,
 * m, v as they are after the step.
 */
final class OptimizerCalls {
  private OptimizerCalls() {}

  static <S> void run(CaseCall call, Op<S, OptimizerStep.Arguments> op, S spec) {
    Matrix w = call.input("w", DType.F32);
    Matrix g = call.input("g", DType.F32);
    Matrix m = call.input("m", DType.F32);
    Matrix v = call.input("v", DType.F32);
    long step = call.integer("step", 1);
    double learningRate = call.number("learning_rate", 1e-3);
    call.run(op, spec, new OptimizerStep.Arguments(w, g, m, v, step, learningRate));
    call.output("w", w);
    call.output("m", m);
    call.output("v", v);
  }
}
