// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.LinkedHashMap;
import java.util.Map;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Tensors;

/**
 * A step of Limbeck's, on the host or a device.
 *
 * @param <P> what it computes on
 */
public abstract class LimbeckStep<P extends StepProblem> implements TrainingStep {
  final Compute compute;
  final HostMemory host = new HostMemory();
  private final Limbeck limbeck;

  LimbeckStep(Limbeck limbeck, GemmF32.Precision precision) {
    this.limbeck = limbeck;
    compute = new Compute(limbeck, precision);
  }

  /** Returns the name of the best backend of a library's device. */
  public static String backend(Limbeck limbeck) {
    return limbeck.backends().available().stream()
        .filter(backend -> backend.device().equals(limbeck.device()))
        .findFirst()
        .orElseThrow()
        .name();
  }

  /** Returns the parameters that are trained. */
  abstract ParameterSet trained();

  /** Returns the tokens of a step of which a rate counts. */
  public abstract long tokens();

  /** Returns what it computes on, with the trained values as they are. */
  public abstract P problem();

  /** Returns the values of parameters as they are. */
  final Map<String, StepProblem.Values> values(ParameterSet parameters) {
    Map<String, StepProblem.Values> values = new LinkedHashMap<>();
    for (Parameter parameter : parameters.all()) {
      Matrix value = parameter.value();
      values.put(
          parameter.name(), new StepProblem.Values(download(value), value.rows(), value.cols()));
    }
    return values;
  }

  private float[] download(Matrix matrix) {
    return Tensors.download(compute.memory(), matrix);
  }

  @Override
  public final float[] gradient(String parameter) {
    return download(trained().byName().get(parameter).gradient());
  }

  @Override
  public final float[] value(String parameter) {
    return download(trained().byName().get(parameter).value());
  }

  @Override
  public final String codePath() {
    return backend(limbeck);
  }

  @Override
  public void close() {
    host.close();
    compute.close();
    limbeck.close();
  }
}
