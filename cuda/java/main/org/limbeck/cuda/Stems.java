// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The stems of this backend: a line each. */
final class Stems {
  private static final List<Stem> STEMS = new ArrayList<>();

  static {
    STEMS.add(CudaAdamW.STEM);
    STEMS.add(CudaAttention.STEM);
    STEMS.add(CudaAttentionKl.STEM);
    STEMS.add(CudaBertAdam.STEM);
    STEMS.add(CudaCosine.STEM);
    STEMS.add(CudaDropout.STEM);
    STEMS.add(CudaEmbedding.STEM);
    STEMS.add(CudaFakeQuant.STEM);
    STEMS.add(CudaGelu.STEM);
    STEMS.add(CudaGemmBf16.STEM);
    STEMS.add(CudaGemmF32.STEM);
    STEMS.add(CudaGemmI8.STEM);
    STEMS.add(CudaGemmTernary.STEM);
    STEMS.add(CudaLayerNorm.STEM);
    STEMS.add(CudaMse.STEM);
    STEMS.add(CudaPetWarmup.STEM);
    STEMS.add(CudaRelu.STEM);
    STEMS.add(CudaSoftmax.STEM);
    STEMS.add(CudaSoftmaxKl.STEM);
    STEMS.add(CudaTanh.STEM);
  }

  private Stems() {}

  /** Returns all stems. */
  static List<Stem> all() {
    return Collections.unmodifiableList(STEMS);
  }
}
