// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.limbeck.bench.cases.EncoderModels;
import org.limbeck.training.bert.PretrainedModel;

/** The models that ONNX Runtime is given are what they are said to be. */
class BertOnnxTest {
  private static final int LENGTH = 7;
  private static final long[] WORDS = {101, 2023, 2003, 1037, 3231, 1012, 102};

  private static float[] hidden(byte[] model) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    long[] shape = {1, LENGTH};
    long[] ones = {1, 1, 1, 1, 1, 1, 1};
    try (OrtSession session = environment.createSession(model);
        OnnxTensor words = OnnxTensor.createTensor(environment, LongBuffer.wrap(WORDS), shape);
        OnnxTensor types =
            OnnxTensor.createTensor(environment, LongBuffer.wrap(new long[LENGTH]), shape);
        OnnxTensor mask = OnnxTensor.createTensor(environment, LongBuffer.wrap(ones), shape);
        OrtSession.Result result =
            session.run(
                Map.of("input_ids", words, "token_type_ids", types, "attention_mask", mask))) {
      FloatBuffer values = ((OnnxTensor) result.get(0)).getFloatBuffer();
      float[] hidden = new float[values.remaining()];
      values.get(hidden);
      return hidden;
    }
  }

  /** Returns the norm of the difference of two vectors as a share of that of the second. */
  private static double distance(float[] a, float[] b) {
    assertEquals(a.length, b.length);
    double apart = 0;
    double norm = 0;
    for (int i = 0; i < a.length; i++) {
      apart += Math.pow((double) a[i] - b[i], 2);
      norm += Math.pow(b[i], 2);
    }
    return Math.sqrt(apart / norm);
  }

  @Test
  void aWrittenModelComputesWhatTheFileDoes() throws OrtException {
    PretrainedModel minilm = EncoderModels.minilm();
    float[] want = hidden(OnnxRuntimePeer.fileOfMinilm());
    assertEquals(LENGTH * minilm.config().hidden(), want.length);
    byte[] written = BertOnnx.write(minilm.config(), minilm.tensors()::get);
    double apart = distance(hidden(written), want);
    assertTrue(apart < 1e-5, "written: " + apart);
  }

  @Test
  void aQuantizedModelIsNearAndNotTheSame() throws OrtException {
    byte[] model = OnnxRuntimePeer.fileOfMinilm();
    byte[] quantized = OnnxQuantizer.quantize(model);
    assertTrue(quantized.length < 0.7 * model.length, quantized.length + " bytes");
    double apart = distance(hidden(quantized), hidden(model));
    // What the same rounding of weights and activations gives in double: one scale for a whole
    // tensor is coarse where some values are large.
    assertEquals(0.324, apart, 0.005, "quantized");
  }

  @Test
  void whatIsNoModelIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> OnnxQuantizer.quantize(new byte[] {1, 2, 3}));
  }
}
