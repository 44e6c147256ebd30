// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.limbeck.vectors.StemAdapter;

/** The adapters by stem. */
public final class StemAdapters {
  private static final Map<String, StemAdapter> ADAPTERS = new TreeMap<>();

  static {
    ADAPTERS.put("adamw", new AdamWAdapter());
    ADAPTERS.put("attention", new AttentionAdapter());
    ADAPTERS.put("attention_kl", new AttentionKlAdapter());
    ADAPTERS.put("bert_adam", new BertAdamAdapter());
    ADAPTERS.put("cosine", new CosineAdapter());
    ADAPTERS.put("dropout", new DropoutAdapter());
    ADAPTERS.put("embedding", new EmbeddingAdapter());
    ADAPTERS.put("fake_quant", new FakeQuantAdapter());
    ADAPTERS.put("gelu", new GeluAdapter());
    ADAPTERS.put("gemm_bf16", new GemmBf16Adapter());
    ADAPTERS.put("gemm_f32", new GemmF32Adapter());
    ADAPTERS.put("gemm_i8", new GemmI8Adapter());
    ADAPTERS.put("gemm_ternary", new GemmTernaryAdapter());
    ADAPTERS.put("layer_norm", new LayerNormAdapter());
    ADAPTERS.put("mse", new MseAdapter());
    ADAPTERS.put("pet_warmup", new PetWarmupAdapter());
    ADAPTERS.put("relu", new ReluAdapter());
    ADAPTERS.put("softmax", new SoftmaxAdapter());
    ADAPTERS.put("softmax_kl", new SoftmaxKlAdapter());
    ADAPTERS.put("tanh", new TanhAdapter());
  }

  private StemAdapters() {}

  /** Returns the adapter of a stem, or null if this library has no operation for it. */
  public static StemAdapter find(String stem) {
    return ADAPTERS.get(stem);
  }

  /** Returns the stems that have an adapter. */
  public static Set<String> stems() {
    return Collections.unmodifiableSet(ADAPTERS.keySet());
  }
}
