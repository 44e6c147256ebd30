// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.distill.PatienceMapping;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TransformerModels;

/**
 * A model of the comparison: its sizes and how it is trained.
 *
 * @param name the name in tables and folders
 * @param label what it is, in a few words
 * @param config its sizes
 * @param losses what its main stage minimises
 * @param teacher the model whose logits and hidden states it learns from, if the losses need one
 * @param warmup what comes before the main stage
 * @param correctThreshold the threshold of the warm-up's classes where the teacher is correct
 * @param wrongThreshold the threshold where it is wrong
 */
record ModelPlan(
    String name,
    String label,
    TransformerConfig config,
    TranslationLosses losses,
    String teacher,
    Warmup warmup,
    double correctThreshold,
    double wrongThreshold) {
  /** The uncompressed model: it is the base of size cuts and speed-ups. */
  static final String TEACHER = "teacher";

  /**
   * The teacher of the students' widths, whose hidden states and logits they learn from; students
   * of another width have another one, with the width behind a colon.
   */
  static final String MATCHED = "matched";

  /** The students of the comparison. */
  static final List<String> STUDENTS = List.of("pet", "pkd", "kd", "can");

  /** The rows of the ablation grid of {@code pet.md} 5.3 that are no students of the comparison. */
  static final List<String> ABLATION =
      List.of("small", "repeat", "swap", "tied", "pet-head", "pet-ce-warmup");

  /** The models of other thresholds, which the ablation ends with. */
  static final List<String> THRESHOLDS = List.of("pet@0.7/0.5", "pet@0.5/0.3");

  private static final int CAN_LAYERS = 6;
  private static final int CAN_STEP = 8;
  private static final int CAN_WIDEST = 1024;

  /** What comes before the main stage. */
  enum Warmup {
    /** Nothing: the main stage has all epochs. */
    NONE,
    /** PET's four classes by the probabilities of the vocabulary. */
    CLASSES,
    /** The four classes by a head of four outputs that is thrown away. */
    HEAD,
    /** Cross entropy for as many epochs, and the optimizer begun anew as after a warm-up. */
    CROSS_ENTROPY
  }

  /** Returns whether it is a teacher. */
  boolean isTeacher() {
    return name.equals(TEACHER) || name.startsWith(MATCHED);
  }

  /** Makes the models of a run. */
  static final class Factory {
    private final TransformerModels models;
    private final Settings settings;

    /**
     * Takes the sizes.
     *
     * @param settings the settings
     * @param sourceVocabulary the number of source tokens
     * @param targetVocabulary the number of target tokens
     */
    Factory(Settings settings, int sourceVocabulary, int targetVocabulary) {
      this.settings = settings;
      models = new TransformerModels(sourceVocabulary, targetVocabulary, settings.dropout());
    }

    /** Returns the teachers and the models of the settings, each teacher before its students. */
    List<ModelPlan> all() {
      Map<String, ModelPlan> plans = new LinkedHashMap<>();
      plans.put(TEACHER, plain(TEACHER, "uncompressed", models.teacher(settings.width())));
      plans.put(MATCHED, matched(settings.studentWidth()));
      for (String name : settings.models()) {
        ModelPlan plan = student(name);
        if (plan.losses.needsTeacher() && !plans.containsKey(plan.teacher)) {
          plans.put(plan.teacher, matched(widthOf(plan)));
        }
        plans.put(name, plan);
      }
      return List.copyOf(plans.values());
    }

    private static int widthOf(ModelPlan plan) {
      return plan.config.encoder().width();
    }

    private String matchedName(int width) {
      return width == settings.studentWidth() ? MATCHED : MATCHED + ":" + width;
    }

    private ModelPlan matched(int width) {
      return plain(
          matchedName(width), "teacher of the students' widths", models.tinyTeacher(width));
    }

    private ModelPlan plain(String name, String label, TransformerConfig config) {
      return plan(name, label, config, TranslationLosses.crossEntropy(), Warmup.NONE);
    }

    private ModelPlan plan(
        String name,
        String label,
        TransformerConfig config,
        TranslationLosses losses,
        Warmup warmup) {
      return new ModelPlan(
          name,
          label,
          config,
          losses,
          matchedName(config.encoder().width()),
          warmup,
          settings.correctThreshold(),
          settings.wrongThreshold());
    }

    private TranslationLosses patient() {
      return TranslationLosses.patient(
          settings.alpha(),
          settings.temperature(),
          settings.beta(),
          settings.mapping().equals("last") ? PatienceMapping.LAST : PatienceMapping.SKIP);
    }

    /**
     * Returns a student.
     *
     * @param name its name; behind a colon another width of its encoder, behind an @ other
     *     thresholds
     * @throws BadInputException if there is no such model
     */
    ModelPlan student(String name) {
      int colon = name.indexOf(':');
      int at = name.indexOf('@');
      try {
        if (colon > 0) {
          return ofWidth(
              name, name.substring(0, colon), Integer.parseInt(name.substring(colon + 1)));
        }
        if (at > 0 && name.substring(0, at).equals("pet")) {
          String[] thresholds = name.substring(at + 1).split("/", -1);
          if (thresholds.length == 2) {
            ModelPlan pet = ofWidth(name, "pet", settings.studentWidth());
            return new ModelPlan(
                name,
                "thresholds " + thresholds[0] + " and " + thresholds[1],
                pet.config,
                pet.losses,
                pet.teacher,
                pet.warmup,
                Double.parseDouble(thresholds[0]),
                Double.parseDouble(thresholds[1]));
          }
        }
        return ofWidth(name, name, settings.studentWidth());
      } catch (NumberFormatException e) {
        throw unknown(name, e);
      }
    }

    private static BadInputException unknown(String name, RuntimeException cause) {
      return new BadInputException(
          "--models: given "
              + name
              + ", expected some of "
              + String.join(", ", STUDENTS)
              + ", "
              + String.join(", ", ABLATION)
              + ", such a name with :WIDTH of the encoder behind it, or pet@CORRECT/WRONG",
          cause);
    }

    private ModelPlan ofWidth(String name, String kind, int width) {
      TranslationLosses patient = patient();
      TranslationLosses alone = TranslationLosses.crossEntropy();
      TransformerConfig pet;
      try {
        pet = models.pet(width);
      } catch (IllegalArgumentException e) {
        throw new BadInputException(
            "A width of "
                + width
                + " does not do for a student ("
                + e.getMessage()
                + "): expected a multiple of 32",
            e);
      }
      return switch (kind) {
        case "pet" -> plan(name, "PET", pet, patient, Warmup.CLASSES);
        case "pkd" ->
            plan(name, "patient distillation", models.unshared(width, 2), patient, Warmup.NONE);
        case "kd" ->
            plan(
                name,
                "plain distillation",
                models.unshared(width, 2),
                TranslationLosses.knowledgeDistillation(settings.kdAlpha(), settings.temperature()),
                Warmup.NONE);
        case "can" -> plan(name, "compressed attention", can(pet.parameters()), alone, Warmup.NONE);
        case "small" ->
            plan(name, "no sharing, no teacher", models.ablation(width, 1), alone, Warmup.NONE);
        case "repeat" ->
            plan(name, "pkd + repeated", models.ablation(width, 2), patient, Warmup.NONE);
        case "swap" -> plan(name, "repeat + swap", models.ablation(width, 3), patient, Warmup.NONE);
        case "tied" -> plan(name, "swap + tied queries", pet, patient, Warmup.NONE);
        case "pet-head" -> plan(name, "PET, head of four", pet, patient, Warmup.HEAD);
        case "pet-ce-warmup" ->
            plan(name, "PET, cross entropy as warm-up", pet, patient, Warmup.CROSS_ENTROPY);
        default -> throw unknown(name, null);
      };
    }

    /** Returns the compressed attention network of the size that is next to a number. */
    private TransformerConfig can(long parameters) {
      return IntStream.rangeClosed(1, CAN_WIDEST / CAN_STEP)
          .mapToObj(i -> models.compressed(i * CAN_STEP, CAN_LAYERS))
          .min(
              (a, b) ->
                  Long.compare(
                      Math.abs(a.parameters() - parameters), Math.abs(b.parameters() - parameters)))
          .orElseThrow();
    }
  }
}
