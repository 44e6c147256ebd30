// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.data.Encoded;
import org.limbeck.training.data.Example;
import org.limbeck.training.data.GlueReader;
import org.limbeck.training.data.LanguageToolCorpus;
import org.limbeck.training.data.Padding;
import org.limbeck.training.data.Task;
import org.limbeck.training.data.WordPieceTokenizer;
import org.limbeck.training.io.ModelCatalog;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;

/**
 * The encoder's output on real sentences against ONNX Runtime, which runs the file from which the
 * weights were read.
 */
class EncoderAgainstOnnxRuntimeTest {
  /** Rounding of float32 through 12 layers leaves a few units of 1e-6 in values up to about 10. */
  private static final double TOLERANCE = 1e-4;

  private static final int SENTENCES = 200;
  private static final int ALONE = 12;
  private static final int BATCH = 16;
  private static final int LONGEST = 128;

  private static List<Example> sentences;

  @BeforeAll
  static void loadRuntimeAndSentences() {
    boolean loaded;
    try {
      loaded = OrtEnvironment.getEnvironment() != null;
    } catch (LinkageError e) {
      loaded = false;
    }
    assumeTrue(loaded, "ONNX Runtime cannot be loaded on this platform");
    sentences = sentences();
    assertEquals(SENTENCES, sentences.size());
  }

  /** Single sentences and pairs: of GLUE where there is real data, else of LanguageTool. */
  private static List<Example> sentences() {
    String root = System.getProperty("limbeck.data", "");
    List<Example> chosen = new ArrayList<>();
    if (!root.isEmpty()) {
      List<String> tasks = List.of("cola", "sst2", "rte", "stsb");
      for (String task : tasks) {
        List<Example> dev = GlueReader.read(Path.of(root), Task.of(task)).dev();
        chosen.addAll(dev.subList(0, SENTENCES / tasks.size()));
      }
      return chosen;
    }
    List<Example> dev = LanguageToolCorpus.read().dev();
    for (int i = 0; i < SENTENCES; i++) {
      String next = i % 4 == 3 ? dev.get(SENTENCES + i).textA() : null;
      chosen.add(new Example(dev.get(i).textA(), next, 0));
    }
    return chosen;
  }

  @ParameterizedTest
  @ValueSource(strings = {"minilm", "e5-small", "bge-small"})
  void hiddenStatesAgree(String name) throws IOException, OrtException {
    ModelCatalog catalog = ModelCatalog.standard();
    assumeTrue(
        name.equals(ModelCatalog.DEFAULT)
            || Boolean.getBoolean("limbeck.models.fetch")
            || catalog.find(name).isPresent(),
        name + " is not on this machine; -Dlimbeck.models.fetch=true fetches it");
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        HostMemory memory = new HostMemory()) {
      PretrainedModel model = catalog.load(name, memory);
      Path jar = catalog.find(name).orElseThrow();
      assumeTrue(Files.isRegularFile(jar), name + " is a directory here, without an ONNX file");
      BertClassifier encoder = new BertClassifier(compute, model.config(), 2, Quantization.NONE);
      encoder.load(model, 1);
      List<Encoded> encoded;
      int pad;
      try (WordPieceTokenizer tokenizer = new WordPieceTokenizer(model.vocabulary())) {
        encoded = tokenizer.encodeAll(sentences, LONGEST);
        pad = tokenizer.pad();
      }
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        options.setIntraOpNumThreads(1);
        try (OrtSession session =
            OrtEnvironment.getEnvironment().createSession(onnx(jar), options)) {
          Activations a = encoder.newActivations(compute, BATCH, LONGEST, false);
          Batches padded =
              new Batches(memory, sentences, encoded, BATCH, LONGEST, Padding.LONGEST, pad);
          int compared = 0;
          for (int i = 0; i < padded.steps(); i++) {
            compared += compare(padded.evaluation(i), encoder, a, compute, session);
          }
          assertEquals(encoded.stream().mapToInt(Encoded::length).sum(), compared);
          for (int i = 0; i < ALONE; i++) {
            int at = i * SENTENCES / ALONE;
            // Its own length: no padding at all.
            Batches alone =
                new Batches(
                    memory,
                    sentences.subList(at, at + 1),
                    encoded.subList(at, at + 1),
                    1,
                    encoded.get(at).length(),
                    Padding.MAXIMUM,
                    pad);
            compare(alone.evaluation(0), encoder, a, compute, session);
          }
        }
      }
    }
  }

  private static byte[] onnx(Path jar) throws IOException {
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      ZipEntry entry =
          zip.stream().filter(e -> e.getName().endsWith(".onnx")).findFirst().orElseThrow();
      try (InputStream in = zip.getInputStream(entry)) {
        return in.readAllBytes();
      }
    }
  }

  /** Compares all real positions of a batch and returns how many there were. */
  private static int compare(
      Batch b, BertClassifier encoder, Activations a, Compute compute, OrtSession session)
      throws OrtException {
    TokenBatch batch =
        new TokenBatch(b.batch(), b.length(), b.tokens(), b.types(), b.positions(), b.lengths());
    encoder.forward(batch, a, Pass.EVALUATION);
    Matrix output = a.tensor(Tap.HIDDEN, encoder.config().layers());
    float[] got = Tensors.download(compute.memory(), output);
    float[] want = runtime(b, session);
    assertEquals(want.length, got.length);
    int width = encoder.config().hidden();
    int compared = 0;
    for (int i = 0; i < b.batch(); i++) {
      int real = b.lengths().getInt(0, i);
      compared += real;
      int from = i * b.length() * width;
      double largest = 0;
      double difference = 0;
      int worst = 0;
      for (int at = 0; at < real * width; at++) {
        largest = Math.max(largest, Math.abs(want[from + at]));
        double here = Math.abs((double) got[from + at] - want[from + at]);
        // So that NaN counts, too.
        if (!(here <= difference)) {
          difference = here;
          worst = at;
        }
      }
      String where =
          "example "
              + b.examples()[i]
              + ", position "
              + worst / width
              + ", column "
              + worst % width;
      assertTrue(
          difference <= TOLERANCE,
          where + ": difference " + difference + ", allowed is " + TOLERANCE);
      // Not a comparison of zeros.
      assertTrue(largest > 0.1, "the largest value of an example is " + largest);
    }
    return compared;
  }

  /** Returns ONNX Runtime's [B * S, D] for a batch. */
  private static float[] runtime(Batch b, OrtSession session) throws OrtException {
    int rows = b.batch() * b.length();
    long[] mask = new long[rows];
    for (int r = 0; r < rows; r++) {
      mask[r] = r % b.length() < b.lengths().getInt(0, r / b.length()) ? 1 : 0;
    }
    Map<String, OnnxTensor> inputs = new HashMap<>();
    try {
      inputs.put("input_ids", tensor(b, longs(b.tokens())));
      inputs.put("attention_mask", tensor(b, mask));
      inputs.put("token_type_ids", tensor(b, longs(b.types())));
      try (OrtSession.Result result = session.run(inputs)) {
        // The first output; the models give it different names.
        OnnxTensor hidden = (OnnxTensor) result.get(0);
        FloatBuffer buffer = hidden.getFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
      }
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor tensor(Batch b, long[] values) throws OrtException {
    return OnnxTensor.createTensor(
        OrtEnvironment.getEnvironment(),
        LongBuffer.wrap(values),
        new long[] {b.batch(), b.length()});
  }

  private static long[] longs(Matrix row) {
    long[] values = new long[(int) row.cols()];
    for (int i = 0; i < values.length; i++) {
      values[i] = row.getLong(0, i);
    }
    return values;
  }
}
