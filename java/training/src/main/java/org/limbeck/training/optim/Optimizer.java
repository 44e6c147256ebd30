// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.optim;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;

/**
 * Updates the parameters of a network from their gradients. Biases and the scales and shifts of
 * layer normalisation are not decayed, unless all parameters are.
 */
public final class Optimizer {
  private final ParameterSet parameters;
  private final Operation<?, OptimizerStep.Arguments> decayed;
  private final Operation<?, OptimizerStep.Arguments> kept;
  private final double learningRate;
  private final Schedule schedule;
  private final Map<String, Matrix> firstMoments = new LinkedHashMap<>();
  private final Map<String, Matrix> secondMoments = new LinkedHashMap<>();
  private long steps;

  private Optimizer(
      Compute compute,
      ParameterSet parameters,
      Operation<?, OptimizerStep.Arguments> decayed,
      Operation<?, OptimizerStep.Arguments> kept,
      double learningRate,
      Schedule schedule) {
    this.parameters = Objects.requireNonNull(parameters, "parameters");
    this.decayed = decayed;
    this.kept = kept;
    this.schedule = Objects.requireNonNull(schedule, "schedule");
    if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException(
          "Optimizer: learningRate: given " + learningRate + ", expected a finite number above 0");
    }
    this.learningRate = learningRate;
    for (Parameter parameter : parameters.all()) {
      Matrix value = parameter.value();
      firstMoments.put(
          parameter.name(), compute.memory().matrix(DType.F32, value.rows(), value.cols()));
      secondMoments.put(
          parameter.name(), compute.memory().matrix(DType.F32, value.rows(), value.cols()));
    }
  }

  /**
   * Returns the optimizer of BERT's fine-tuning: stem {@code bert_adam} with its defaults.
   *
   * @param compute operations and memory
   * @param parameters what is trained
   * @param learningRate the peak learning rate
   * @param schedule its factor at each step
   */
  public static Optimizer bertAdam(
      Compute compute, ParameterSet parameters, double learningRate, Schedule schedule) {
    BertAdam.Spec spec = BertAdam.Spec.DEFAULT;
    BertAdam.Spec without =
        new BertAdam.Spec(spec.beta1(), spec.beta2(), spec.epsilon(), 0, spec.maxNorm());
    return new Optimizer(
        compute,
        parameters,
        compute.operation(BertAdam.OP, spec),
        compute.operation(BertAdam.OP, without),
        learningRate,
        schedule);
  }

  /**
   * Returns Adam with decoupled weight decay: stem {@code adamw} with its defaults.
   *
   * @param compute operations and memory
   * @param parameters what is trained
   * @param learningRate the peak learning rate
   * @param schedule its factor at each step
   */
  public static Optimizer adamW(
      Compute compute, ParameterSet parameters, double learningRate, Schedule schedule) {
    AdamW.Spec spec = AdamW.Spec.DEFAULT;
    AdamW.Spec without = new AdamW.Spec(spec.beta1(), spec.beta2(), spec.epsilon(), 0);
    return new Optimizer(
        compute,
        parameters,
        compute.operation(AdamW.OP, spec),
        compute.operation(AdamW.OP, without),
        learningRate,
        schedule);
  }

  /**
   * Returns Adam with decoupled weight decay of all parameters, biases and normalisation included,
   * as in fairseq's recipe for translation.
   *
   * @param compute operations and memory
   * @param parameters what is trained
   * @param spec the options of stem {@code adamw}
   * @param learningRate the peak learning rate
   * @param schedule its factor at each step
   */
  public static Optimizer adamWOfAll(
      Compute compute,
      ParameterSet parameters,
      AdamW.Spec spec,
      double learningRate,
      Schedule schedule) {
    Operation<?, OptimizerStep.Arguments> operation = compute.operation(AdamW.OP, spec);
    return new Optimizer(compute, parameters, operation, operation, learningRate, schedule);
  }

  /** Returns whether a parameter is decayed, by its name. */
  static boolean isDecayed(String name) {
    return !name.contains("bias") && !name.contains("LayerNorm");
  }

  /** Updates all parameters and counts the step. */
  public void step() {
    double rate = learningRate * schedule.factor(steps);
    steps++;
    for (Parameter parameter : parameters.all()) {
      String name = parameter.name();
      (isDecayed(name) ? decayed : kept)
          .run(
              new OptimizerStep.Arguments(
                  parameter.value(),
                  parameter.gradient(),
                  firstMoments.get(name),
                  secondMoments.get(name),
                  steps,
                  rate));
    }
  }

  /** Returns the number of steps taken. */
  public long steps() {
    return steps;
  }

  /**
   * Sets the number of steps taken, after moments were restored.
   *
   * @param taken the number, at least 0
   */
  public void restoreSteps(long taken) {
    steps = taken;
  }

  /** Returns the first moments by parameter name, in order; checkpoints read and write them. */
  public Map<String, Matrix> firstMoments() {
    return firstMoments;
  }

  /** Returns the second moments by parameter name, in order; checkpoints read and write them. */
  public Map<String, Matrix> secondMoments() {
    return secondMoments;
  }
}
