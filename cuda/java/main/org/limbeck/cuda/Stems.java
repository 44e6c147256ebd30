// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The stems of this backend: a line each. */
final class Stems {
  private static final List<Stem> STEMS = new ArrayList<>();

  static {
    STEMS.add(CudaFakeQuant.STEM);
    STEMS.add(CudaGelu.STEM);
    STEMS.add(CudaGemmF32.STEM);
    STEMS.add(CudaGemmTernary.STEM);
    STEMS.add(CudaLayerNorm.STEM);
    STEMS.add(CudaSoftmax.STEM);
  }

  private Stems() {}

  /** Returns all stems. */
  static List<Stem> all() {
    return Collections.unmodifiableList(STEMS);
  }
}
