// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/**
 * The residual stream of a stack: X_0, the embeddings, to X_L, the output of its last layer; and
 * the gradients that losses write by them.
 */
final class HiddenStates {
  private final Compute compute;
  private final long capacity;
  private final Slot[] states;
  private final Slot[] gradients;
  private final boolean[] injected;

  HiddenStates(Compute compute, int layers, long capacity) {
    this.compute = compute;
    this.capacity = capacity;
    states = new Slot[layers + 1];
    for (int i = 0; i <= layers; i++) {
      states[i] = new Slot(compute.memory(), capacity);
    }
    gradients = new Slot[layers + 1];
    injected = new boolean[layers + 1];
  }

  /** Starts a pass: X_i have a shape, and no loss wrote a gradient. */
  void begin(long rows, long width) {
    for (int i = 0; i < states.length; i++) {
      states[i].view(rows, width);
      injected[i] = false;
    }
  }

  Matrix state(int index) {
    return states[index].view();
  }

  /** Returns where a loss writes its gradient by X_i; once a pass. */
  Matrix inject(int index) {
    if (injected[index]) {
      throw new IllegalStateException(
          "HiddenStates.inject: given a second gradient by state "
              + index
              + ", expected one a pass");
    }
    injected[index] = true;
    if (gradients[index] == null) {
      gradients[index] = new Slot(compute.memory(), capacity);
    }
    Matrix state = state(index);
    return gradients[index].view(state.rows(), state.cols());
  }

  /** Adds what a loss wrote by X_i, if one did. */
  void addInjected(int index, Matrix gradient) {
    if (injected[index]) {
      compute.add(gradients[index].view(), gradient);
    }
  }
}
