// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.cases.EncoderCases;
import org.limbeck.bench.cases.EncoderModels;
import org.limbeck.bench.peer.Peer;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.bench.peer.PeerUnavailableException;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.io.ModelCatalog;
import org.limbeck.training.packed.PackedModel;
import org.limbeck.training.packed.PackedWeight;

/**
 * ONNX Runtime on the file from which the encoder's weights come, or on a file of the same network
 * where there is none, as it is and dynamically quantized. Beside ternary weights it runs the same
 * two models.
 */
public final class OnnxRuntimePeer implements Peer {
  private static final String NAME = "onnxruntime";

  /** Tells a process of this peer to quantize the model. */
  private static final String QUANTIZED = "LIMBECK_BENCH_ONNX_INT8";

  /** What 8 bits change of a hidden state is some thousand times what the order of sums does. */
  private static final double QUANTIZED_SLACK = 1000;

  /** For ServiceLoader. */
  public OnnxRuntimePeer() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<Setting> settings() {
    return List.of(
        new Setting(NAME, Map.of()), new Setting(NAME + "-int8", Map.of(QUANTIZED, "1")));
  }

  @Override
  public List<String> stems() {
    return List.of("encoder");
  }

  @Override
  public PeerSession open(int threads) {
    try {
      return new Session(OrtEnvironment.getEnvironment(), threads);
    } catch (LinkageError e) {
      throw Natives.unavailable(e);
    } catch (OrtException e) {
      throw new PeerUnavailableException(e.getMessage(), e);
    }
  }

  /** Returns the model that is compared with a mode. */
  private static byte[] model(String mode) {
    return mode.startsWith(EncoderCases.MINILM)
        ? fileOfMinilm()
        : written(EncoderModels.packedBertBase());
  }

  /** Writes a packed network with its weights unpacked to float32. */
  private static byte[] written(PackedModel model) {
    try (HostMemory memory = new HostMemory()) {
      return BertOnnx.write(
          model.config(),
          name -> {
            PackedWeight packed = model.ternary().get(name);
            return packed == null ? model.full().get(name) : unpacked(packed, memory);
          });
    }
  }

  private static Matrix unpacked(PackedWeight weight, HostMemory memory) {
    Matrix values = memory.matrix(DType.F32, weight.codes().rows(), weight.codes().cols());
    boolean byRow = weight.scale().cols() > 1;
    for (long r = 0; r < values.rows(); r++) {
      weight.codes().unpackRow(r, weight.scale().getFloat(0, byRow ? r : 0), values.rows(r, r + 1));
    }
    return values;
  }

  /** Returns the file from which the weights of MiniLM come. */
  static byte[] fileOfMinilm() {
    Path jar = ModelCatalog.standard().find(ModelCatalog.DEFAULT).orElseThrow();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      ZipEntry entry =
          zip.stream().filter(e -> e.getName().endsWith(".onnx")).findFirst().orElseThrow();
      try (InputStream in = zip.getInputStream(entry)) {
        return in.readAllBytes();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class Session implements PeerSession {
    private final OrtEnvironment environment;
    private final OrtSession.SessionOptions options = new OrtSession.SessionOptions();

    /** By the first word of a mode, the model. */
    private final Map<String, OrtSession> sessions = new HashMap<>();

    private final String path;
    private final boolean quantized;

    Session(OrtEnvironment environment, int threads) throws OrtException {
      this.environment = environment;
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      quantized = System.getenv(QUANTIZED) != null;
      path =
          "ONNX Runtime "
              + environment.getVersion()
              + "; CPU provider; "
              + (quantized ? "weights and activations dynamically quantized to int8" : "float32");
    }

    @Override
    public String path() {
      return path;
    }

    @Override
    public Optional<PeerCall> call(Case work) {
      try {
        return Optional.of(new Inference(work));
      } catch (OrtException e) {
        throw new IllegalStateException(e);
      }
    }

    private OrtSession session(String mode) throws OrtException {
      String name = mode.replace(EncoderCases.TERNARY, "");
      OrtSession session = sessions.get(name);
      if (session == null) {
        byte[] model = model(mode);
        session =
            environment.createSession(quantized ? OnnxQuantizer.quantize(model) : model, options);
        sessions.put(name, session);
      }
      return session;
    }

    @Override
    public void close() {
      try {
        for (OrtSession session : sessions.values()) {
          session.close();
        }
        options.close();
      } catch (OrtException e) {
        throw new IllegalStateException(e);
      }
    }

    private final class Inference implements PeerCall {
      private final OrtSession session;
      private final Map<String, OnnxTensor> inputs;

      Inference(Case work) throws OrtException {
        session = session(work.mode());
        long[] shape = {work.size(0), work.size(1)};
        long[] all = new long[(int) (shape[0] * shape[1])];
        Arrays.fill(all, 1);
        inputs =
            Map.of(
                "input_ids",
                OnnxTensor.createTensor(environment, longs(work.of("ids")), shape),
                "token_type_ids",
                OnnxTensor.createTensor(environment, longs(work.of("types")), shape),
                "attention_mask",
                OnnxTensor.createTensor(environment, LongBuffer.wrap(all), shape));
      }

      private LongBuffer longs(Matrix vector) {
        return vector
            .segment()
            .asSlice(vector.offsetBytes(), vector.elements() * Long.BYTES)
            .asByteBuffer()
            .order(ByteOrder.nativeOrder())
            .asLongBuffer();
      }

      @Override
      public void run() {
        try (OrtSession.Result result = session.run(inputs)) {
          if (result.size() == 0) {
            throw new IllegalStateException("ONNX Runtime gave no output");
          }
        } catch (OrtException e) {
          throw new IllegalStateException(e);
        }
      }

      @Override
      public double slack() {
        return quantized ? QUANTIZED_SLACK : 1;
      }

      @Override
      public Set<String> store(Case results) {
        if (results.mode().endsWith(EncoderCases.TERNARY)) {
          return Set.of(); // another network, of the same sizes
        }
        try (OrtSession.Result result = session.run(inputs)) {
          FloatBuffer values = ((OnnxTensor) result.get(0)).getFloatBuffer();
          Matrix hidden = results.of("hidden");
          for (long r = 0; r < hidden.rows(); r++) {
            for (long c = 0; c < hidden.cols(); c++) {
              hidden.setFloat(r, c, values.get());
            }
          }
          return Set.of("hidden");
        } catch (OrtException e) {
          throw new IllegalStateException(e);
        }
      }

      @Override
      public void close() {
        inputs.values().forEach(OnnxTensor::close);
      }
    }
  }
}
