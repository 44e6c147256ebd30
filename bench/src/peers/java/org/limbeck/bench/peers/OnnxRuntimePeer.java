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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.Peer;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.bench.peer.PeerUnavailableException;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.io.ModelCatalog;

/** ONNX Runtime on the file from which the encoder's weights come. */
public final class OnnxRuntimePeer implements Peer {
  private static final String NAME = "onnxruntime";

  /** For ServiceLoader. */
  public OnnxRuntimePeer() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<Setting> settings() {
    return List.of(new Setting(NAME, Map.of()));
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

  private static byte[] model() {
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
    private final OrtSession session;
    private final String path;

    Session(OrtEnvironment environment, int threads) throws OrtException {
      this.environment = environment;
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        options.setIntraOpNumThreads(threads);
        options.setInterOpNumThreads(1);
        session = environment.createSession(model(), options);
      }
      path = "ONNX Runtime " + environment.getVersion() + "; CPU provider; float32";
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

    @Override
    public void close() {
      try {
        session.close();
      } catch (OrtException e) {
        throw new IllegalStateException(e);
      }
    }

    private final class Inference implements PeerCall {
      private final Map<String, OnnxTensor> inputs;

      Inference(Case work) throws OrtException {
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
      public Set<String> store(Case results) {
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
