// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.data.Encoded;
import org.limbeck.training.data.WordPieceTokenizer;
import org.limbeck.training.io.ModelCatalog;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;

class MlmHeadTest {
  @Test
  void bertBaseKnowsTheCapitalOfFrance() {
    ModelCatalog catalog = ModelCatalog.standard();
    assumeTrue(
        Boolean.getBoolean("limbeck.models.fetch") || catalog.find("bert-base").isPresent(),
        "bert-base is not on this machine; -Dlimbeck.models.fetch=true fetches it");
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      PretrainedModel model = catalog.load("bert-base", host);
      try (WordPieceTokenizer tokenizer = new WordPieceTokenizer(model.vocabulary())) {
        BertClassifier encoder = new BertClassifier(compute, model.config(), 2, Quantization.NONE);
        encoder.load(model, 1);
        MlmHead head = new MlmHead(compute, model, encoder, 1);
        assertEquals(
            "paris", fill(compute, encoder, head, tokenizer, "the capital of france is [MASK]."));
        assertEquals(
            "sky", fill(compute, encoder, head, tokenizer, "birds fly high up in the [MASK]."));
      }
    }
  }

  /** Returns the likeliest word piece in the place of [MASK]. */
  private static String fill(
      Compute compute,
      BertClassifier encoder,
      MlmHead head,
      WordPieceTokenizer tokenizer,
      String sentence) {
    Encoded encoded = tokenizer.encode(sentence, null, 32);
    int length = encoded.length();
    long[] tokens = new long[length];
    long[] types = new long[length];
    long[] positions = new long[length];
    int masked = -1;
    for (int i = 0; i < length; i++) {
      tokens[i] = encoded.ids()[i];
      positions[i] = i;
      masked = tokenizer.piece(encoded.ids()[i]).equals("[MASK]") ? i : masked;
    }
    try (HostMemory host = new HostMemory()) {
      TokenBatch batch =
          new TokenBatch(
              1,
              length,
              host.copyOf(tokens),
              host.copyOf(types),
              host.copyOf(positions),
              host.copyOf(new int[] {length}));
      Activations a = encoder.newActivations(compute, 1, length, false);
      encoder.forward(batch, a, Pass.EVALUATION);
      Matrix hidden = a.tensor(Tap.HIDDEN, encoder.config().layers()).rows(masked, masked + 1);
      Matrix logits = host.matrix(DType.F32, 1, encoder.config().vocabulary());
      head.forward(hidden, logits);
      float[] values = Tensors.download(compute.memory(), logits);
      int best = 0;
      for (int i = 1; i < values.length; i++) {
        best = values[i] > values[best] ? i : best;
      }
      return tokenizer.piece(best);
    }
  }

  @Test
  void aModelWithoutTheHeadIsRefused() {
    BertConfig config = new BertConfig(1, 4, 1, 8, 10, 8, 2, 1e-12);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      BertClassifier encoder = new BertClassifier(compute, config, 2, Quantization.NONE);
      PretrainedModel.Vocabulary none = new PretrainedModel.WordPieceList("");
      PretrainedModel without = new PretrainedModel("tiny", config, Map.of(), none);
      assertEquals(
          "tiny: given no tensor cls.predictions.transform.dense.weight [4, 4], expected one",
          assertThrows(
                  IllegalArgumentException.class, () -> new MlmHead(compute, without, encoder, 1))
              .getMessage());
      PretrainedModel other =
          new PretrainedModel(
              "tiny",
              config,
              Map.of("cls.predictions.transform.dense.weight", host.matrix(DType.F32, 4, 5)),
              none);
      assertEquals(
          "tiny: tensor cls.predictions.transform.dense.weight: given shape [4, 5], expected [4, 4]",
          assertThrows(
                  IllegalArgumentException.class, () -> new MlmHead(compute, other, encoder, 1))
              .getMessage());
    }
  }
}
