// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

/**
 * A training step in one implementation, with its networks and the state of its optimizer: the
 * forward of the trained network and its teacher, where it has one, the losses, the backward and
 * the update.
 */
public interface TrainingStep extends AutoCloseable {
  /**
   * Runs the networks forward and the trained one backward. Its gradients replace those of the call
   * before.
   *
   * @param dropout the probability of dropping, in [0, 1)
   * @return the loss
   */
  double gradients(double dropout);

  /** Updates the trained parameters from their gradients. */
  void update();

  /**
   * Returns the gradient of a trained parameter, row after row.
   *
   * @param parameter its name
   */
  float[] gradient(String parameter);

  /**
   * Returns the value of a trained parameter, row after row.
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
