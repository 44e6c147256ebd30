// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import com.google.gson.Gson;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.formats.SafetensorsWriter.Entry;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.distill.LossConfiguration;

/**
 * A safetensors file with what a step of QAT-KD computes on and what Limbeck got from it, for
 * programs in other languages that take the same step.
 *
 * <p>Tensors: a parameter's start value under Hugging Face's name, its gradient in the first step
 * without dropout under {@code gradient.NAME}, its value after that step under {@code
 * changed.NAME}; {@code tokens} [batch, length] and {@code lengths} [batch]. The header's metadata
 * has one entry, {@value #ENTRY}: a {@link Description} in JSON.
 */
public final class FirstStep {
  /** The entry of the header's metadata. */
  public static final String ENTRY = "limbeck";

  /**
   * What is no tensor.
   *
   * @param shape the sizes in a few characters, the same in all results of this problem
   * @param config the sizes of both networks
   * @param labels the number of classes
   * @param losses what is compared
   * @param learningRate that of the optimizer at every step
   * @param optimizer its other options; biases and the parameters of LayerNorm do not decay
   * @param dropout the probability of dropping in steps that are timed
   * @param precision that of the products of layers, in lower case
   * @param operations additions and multiplications of the products of a step
   * @param loss that of the first step without dropout
   */
  public record Description(
      String shape,
      BertConfig config,
      int labels,
      LossConfiguration losses,
      double learningRate,
      BertAdam.Spec optimizer,
      double dropout,
      String precision,
      double operations,
      double loss) {}

  private final HostMemory host;
  private final Map<String, Entry> tensors = new LinkedHashMap<>();

  private FirstStep(HostMemory host) {
    this.host = host;
  }

  /**
   * Takes the first step, without dropout, and writes the file.
   *
   * @param file the file; an earlier one is replaced as a whole
   * @param step a step that nobody has taken yet
   * @param shape as of {@link Description}
   * @param precision that of the step's products
   * @param dropout as of {@link Description}
   * @throws BadInputException if the file cannot be written
   */
  public static void write(
      Path file,
      LimbeckStep<QatKdProblem> step,
      String shape,
      GemmF32.Precision precision,
      double dropout) {
    try (HostMemory host = new HostMemory()) {
      FirstStep first = new FirstStep(host);
      QatKdProblem problem = step.problem();
      Map<String, StepProblem.Values> start = problem.parameters();
      first.put("tokens", host.copyOf(problem.tokens()), problem.batch(), problem.length());
      first.put("lengths", host.copyOf(problem.lengths()), problem.batch());
      start.forEach((name, values) -> first.put("", name, values, values.elements()));
      double loss = step.gradients(0);
      start.forEach((name, values) -> first.put("gradient.", name, values, step.gradient(name)));
      step.update();
      start.forEach((name, values) -> first.put("changed.", name, values, step.value(name)));
      Description description =
          new Description(
              shape,
              problem.config(),
              problem.labels(),
              problem.losses(),
              problem.learningRate(),
              BertAdam.Spec.DEFAULT,
              dropout,
              precision.name().toLowerCase(Locale.ROOT),
              QatKdProblem.operations(problem.config(), problem.batch(), problem.length()),
              loss);
      SafetensorsWriter.write(file, first.tensors, Map.of(ENTRY, new Gson().toJson(description)));
    }
  }

  private void put(String name, Matrix matrix, long... shape) {
    tensors.put(name, new Entry(LongStream.of(shape).boxed().toList(), matrix));
  }

  private void put(String prefix, String name, StepProblem.Values sizes, float[] elements) {
    Matrix matrix = host.copyOf(elements, sizes.rows(), sizes.cols());
    tensors.put(
        prefix + name, StepProblem.isVector(name) ? Entry.vector(matrix) : Entry.of(matrix));
  }
}
