// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.io.ModelCatalog;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.packed.PackedModel;
import org.limbeck.training.packed.PackedWeight;

/** The networks of the encoder cases, each made once and for as long as the process runs. */
public final class EncoderModels {
  /** The outputs of the classifier of a packed network. */
  static final int LABELS = 2;

  private static final float SCALE = 0.03f;
  private static final BertConfig BERT_BASE =
      new BertConfig(12, 768, 12, 3072, 30_522, 512, 2, 1e-12);

  private EncoderModels() {}

  private static final class Minilm {
    static final PretrainedModel MODEL =
        ModelCatalog.standard().load(ModelCatalog.DEFAULT, new HostMemory());
  }

  private static final class PackedMinilm {
    static final PackedModel MODEL = pack(Minilm.MODEL);
  }

  private static final class PackedBertBase {
    static final PackedModel MODEL = new Random().model(BERT_BASE);
  }

  /** Returns MiniLM-L6 with its own weights. */
  public static PretrainedModel minilm() {
    return Minilm.MODEL;
  }

  /** Returns MiniLM-L6 with its weights made ternary as they are: what a student begins as. */
  public static PackedModel packedMinilm() {
    return PackedMinilm.MODEL;
  }

  /** Returns a network of the sizes of BERT-base with random weights: how fast it is, they say. */
  public static PackedModel packedBertBase() {
    return PackedBertBase.MODEL;
  }

  private static PackedModel pack(PretrainedModel model) {
    try (Limbeck limbeck = Limbeck.open(List.of("scalar"), 1);
        Compute compute = new Compute(limbeck)) {
      BertClassifier network =
          new BertClassifier(compute, model.config(), LABELS, Quantization.TERNARY);
      network.load(model, 1);
      return PackedModel.of(
          compute, network, model.name(), "none", model.vocabulary(), new HostMemory());
    }
  }

  /** Makes tensors of random values. */
  private static final class Random {
    private final HostMemory memory = new HostMemory();
    private final Map<String, PackedWeight> ternary = new TreeMap<>();
    private final Map<String, Matrix> full = new TreeMap<>();
    private int stream;

    PackedModel model(BertConfig c) {
      embedding("word_embeddings", c.vocabulary(), c.hidden(), true);
      embedding("position_embeddings", c.positions(), c.hidden(), false);
      embedding("token_type_embeddings", c.types(), c.hidden(), false);
      normalisation("embeddings", c.hidden());
      for (int l = 0; l < c.layers(); l++) {
        String layer = "encoder.layer." + l + ".";
        for (String part : List.of("query", "key", "value")) {
          linear(layer + "attention.self." + part, c.hidden(), c.hidden());
        }
        linear(layer + "attention.output.dense", c.hidden(), c.hidden());
        normalisation(layer + "attention.output", c.hidden());
        linear(layer + "intermediate.dense", c.intermediate(), c.hidden());
        linear(layer + "output.dense", c.hidden(), c.intermediate());
        normalisation(layer + "output", c.hidden());
      }
      linear("pooler.dense", c.hidden(), c.hidden());
      full("classifier.weight", LABELS, c.hidden(), 0);
      full("classifier.bias", 1, LABELS, 0);
      return new PackedModel(
          "bert-base",
          "none",
          LABELS,
          c,
          Quantization.TERNARY.activation(),
          ternary,
          full,
          new PretrainedModel.WordPieceList(""));
    }

    private void embedding(String name, long rows, long cols, boolean packed) {
      String weight = "embeddings." + name + ".weight";
      if (packed) {
        ternary.put(weight, new PackedWeight(codes(rows, cols), scales(rows)));
      } else {
        full(weight, rows, cols, 0);
      }
    }

    private void linear(String name, long rows, long cols) {
      ternary.put(name + ".weight", new PackedWeight(codes(rows, cols), scales(1)));
      full(name + ".bias", 1, rows, 0);
    }

    private void normalisation(String name, long width) {
      full(name + ".LayerNorm.weight", 1, width, 1);
      full(name + ".LayerNorm.bias", 1, width, 0);
    }

    private PackedTernary codes(long rows, long cols) {
      Matrix bytes = TernaryBytes.random(memory, stream++, rows, cols);
      return PackedTernary.of(bytes.buffer(), bytes.offsetBytes(), rows, cols);
    }

    private Matrix scales(long count) {
      Matrix scales = memory.vector(DType.F32, count);
      for (long i = 0; i < count; i++) {
        scales.setFloat(0, i, SCALE);
      }
      return scales;
    }

    /** Values within a scale of a middle. */
    private void full(String name, long rows, long cols, float middle) {
      Matrix m = memory.matrix(DType.F32, rows, cols);
      for (long i = 0; i < rows * cols; i++) {
        float value = Philox.word(7, stream, i / 4, (int) (i % 4)) * 0x1p-31f;
        m.setFloat(i / cols, i % cols, middle + SCALE * value);
      }
      stream++;
      full.put(name, m);
    }
  }
}
