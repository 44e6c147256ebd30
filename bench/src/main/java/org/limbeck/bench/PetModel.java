// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TransformerModels;
import picocli.CommandLine.Option;

/** The options that choose a translation model. */
final class PetModel {
  /** Kinds of models. */
  enum Kind {
    /** The student. */
    pet,
    /** A teacher. */
    teacher
  }

  @Option(names = "--model", description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Kind kind = Kind.pet;

  @Option(
      names = "--width",
      description = "Width of the encoder (default: 320 of pet, 512 of teacher).")
  private Integer width;

  @Option(names = "--source-vocabulary", description = "Tokens (default: ${DEFAULT-VALUE}).")
  private int sourceVocabulary = 8848;

  @Option(names = "--target-vocabulary", description = "Tokens (default: ${DEFAULT-VALUE}).")
  private int targetVocabulary = 6632;

  boolean isStudent() {
    return kind == Kind.pet;
  }

  private int width() {
    if (width != null) {
      return width;
    }
    return isStudent() ? TransformerModels.STUDENT_WIDTH : TransformerModels.TEACHER_WIDTH;
  }

  private TransformerModels models(double dropout) {
    return new TransformerModels(sourceVocabulary, targetVocabulary, dropout);
  }

  /** Returns the sizes of the model. */
  TransformerConfig config(double dropout) {
    return isStudent() ? models(dropout).pet(width()) : models(dropout).teacher(width());
  }

  /** Returns the sizes of the teacher of a student's widths. */
  TransformerConfig matchedTeacher() {
    return models(0).tinyTeacher(width());
  }

  /** Returns kind and width. */
  @Override
  public String toString() {
    return kind + "_" + width();
  }
}
