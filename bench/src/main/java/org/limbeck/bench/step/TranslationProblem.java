// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.transformer.TransformerConfig;

/**
 * A step of a translation model with or without a teacher, on a batch of sentence pairs. The
 * optimizer is {@code adamw}, and decays all parameters.
 *
 * @param config the sizes of the model that is trained, with the standard decoder
 * @param teacher the sizes of its teacher, or null
 * @param losses what is minimised; hidden states are compared at all positions
 * @param adam the options of the optimizer
 * @param learningRate its rate at every step
 * @param sources source tokens, each sentence with its end
 * @param targets target tokens, likewise
 * @param parameters the values that the model starts from, by fairseq's names
 * @param teacherParameters the teacher's values; empty without one
 */
public record TranslationProblem(
    TransformerConfig config,
    TransformerConfig teacher,
    TranslationLosses losses,
    AdamW.Spec adam,
    double learningRate,
    List<int[]> sources,
    List<int[]> targets,
    Map<String, StepProblem.Values> parameters,
    Map<String, StepProblem.Values> teacherParameters)
    implements StepProblem {
  /** Checks that all parts are there. */
  public TranslationProblem {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(losses, "losses");
    Objects.requireNonNull(adam, "adam");
    sources = List.copyOf(sources);
    targets = List.copyOf(targets);
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
    teacherParameters = Collections.unmodifiableMap(new LinkedHashMap<>(teacherParameters));
  }
}
