// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.Objects;

/**
 * A kernel as Java knows it: its name, where it is, and what it takes. A test compares it with the
 * image.
 *
 * @param stem the stem in whose file it is
 * @param name its name, {@code lb_<stem>_<variant>_kernel}
 * @param parameters a letter for each: p a pointer, l an int64_t, i an int, f a float, d a double,
 *     t a tensor map; spaces between are for the reader
 */
record KernelSignature(String stem, String name, String parameters) {
  /** Checks the name and the letters, and drops spaces. */
  KernelSignature {
    Objects.requireNonNull(stem, "stem");
    parameters = parameters.replace(" ", "");
    if (!name.startsWith("lb_") || !name.endsWith("_kernel")) {
      throw new IllegalArgumentException(
          "KernelSignature: name: given " + name + ", expected lb_..._kernel");
    }
    if (!parameters.matches("[plifdt]+")) {
      throw new IllegalArgumentException(
          "KernelSignature: parameters of "
              + name
              + ": given "
              + parameters
              + ", expected letters of p, l, i, f, d, t");
    }
  }

  /** Returns the number of parameters. */
  int count() {
    return parameters.length();
  }

  /** Returns the size of a parameter in bytes. */
  int size(int index) {
    return switch (parameters.charAt(index)) {
      case 'i', 'f' -> 4;
      case 't' -> TensorMap.BYTES;
      default -> 8;
    };
  }

  /** Returns the alignment of a parameter in bytes. */
  private int alignment(int index) {
    return Math.min(size(index), TensorMap.ALIGNMENT);
  }

  /** Returns where a parameter lies in the structure that holds all; its size for the last + 1. */
  int offset(int index) {
    int at = 0;
    for (int i = 0; i <= index; i++) {
      int alignment = i < count() ? alignment(i) : 1;
      at = (at + alignment - 1) / alignment * alignment;
      if (i < index) {
        at += size(i);
      }
    }
    return at;
  }
}
