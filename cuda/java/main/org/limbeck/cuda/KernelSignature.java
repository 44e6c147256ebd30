// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.Objects;

/**
 * A kernel as Java knows it: its name, where it is, and what it takes. A test compares it with the
 * image.
 *
 * @param stem the stem in whose file it is
 * @param name its name, {@code lb_<stem>_<variant>_kernel}
 * @param parameters a letter for each: p a pointer, l an int64_t, i an int, f a float, d a double;
 *     spaces between are for the reader
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
    if (!parameters.matches("[plifd]+")) {
      throw new IllegalArgumentException(
          "KernelSignature: parameters of "
              + name
              + ": given "
              + parameters
              + ", expected letters of p, l, i, f, d");
    }
  }

  /** Returns the number of parameters. */
  int count() {
    return parameters.length();
  }

  /** Returns the size of a parameter in bytes, which is its alignment as well. */
  int size(int index) {
    char type = parameters.charAt(index);
    return type == 'i' || type == 'f' ? 4 : 8;
  }

  /** Returns where a parameter lies in the structure that holds all; its size for the last + 1. */
  int offset(int index) {
    int at = 0;
    for (int i = 0; i <= index; i++) {
      int size = i < count() ? size(i) : 1;
      at = (at + size - 1) / size * size;
      if (i < index) {
        at += size;
      }
    }
    return at;
  }
}
