// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.limbeck.kernels.backend.KernelTable;

/**
 * How a stem joins the backend.
 *
 * @param name the stem, and the name of its image
 * @param registration adds its operations to the table of a backend; the supplier opens the device
 *     the first time it is asked
 * @param kernels every kernel that it launches
 */
record Stem(
    String name,
    BiConsumer<KernelTable, Supplier<Context>> registration,
    List<KernelSignature> kernels) {
  Stem(
      String name,
      BiConsumer<KernelTable, Supplier<Context>> registration,
      KernelSignature... kernels) {
    this(name, registration, List.of(kernels));
  }

  /** Returns the kernels of one array and those of another. */
  static KernelSignature[] joined(KernelSignature[] some, KernelSignature[] more) {
    return Stream.concat(Stream.of(some), Stream.of(more)).toArray(KernelSignature[]::new);
  }
}
