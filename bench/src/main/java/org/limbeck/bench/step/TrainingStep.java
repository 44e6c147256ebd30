// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

/**
 * A step of QAT-KD in one implementation, with its networks and the state of its optimizer: a
 * teacher in full precision, a student with ternary weights, the losses between them, the backward
 * and the update.
 */
public interface TrainingStep extends AutoCloseable {
  /**
   * Runs both networks forward and the student backward. Its gradients replace those of the call
   * before.
   *
   * @param dropout the probability of dropping, in [0, 1)
   * @return the loss
   */
  double gradients(double dropout);

  /** Updates the student's parameters from their gradients. */
  void update();

  /**
   * Returns the gradient of a parameter of the student, row after row.
   *
   * @param parameter its name
   */
  float[] gradient(String parameter);

  /**
   * Returns the value of a parameter of the student, row after row.
   *
   * @param parameter its name
   */
  float[] value(String parameter);

  /** Returns in one line what computes: versions, instruction sets, threads. */
  String codePath();

  /** Frees its memory. */
  @Override
  void close();
}
