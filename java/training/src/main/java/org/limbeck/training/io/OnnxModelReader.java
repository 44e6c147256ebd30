// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;

/**
 * Reads BERT encoders that PyTorch exported to ONNX, as Maven artifacts hold them: {@code *.onnx}
 * beside {@code *tokenizer.json}.
 *
 * <p>Biases, embeddings and layer norms keep their Hugging Face names in such files. The weights of
 * linear layers do not: they are found through the path in the name of the MatMul that uses them,
 * and turned from [in, out] to [out, in]. Heads and epsilon are constants of the graph.
 */
public final class OnnxModelReader {
  private static final Pattern LINEAR =
      Pattern.compile(
          "/?(encoder/layer\\.\\d+/(?:attention/self/(?:query|key|value)|attention/output/dense"
              + "|intermediate/dense|output/dense)|pooler/dense)/(?:MatMul|Gemm)");
  private static final Pattern NAMED =
      Pattern.compile("(?:embeddings|encoder|pooler)\\..+\\.(?:weight|bias)");
  private static final String ATTENTION = "/encoder/layer.0/attention/self/";

  private final String file;
  private final OnnxGraph graph;

  private OnnxModelReader(String file, OnnxGraph graph) {
    this.file = file;
    this.graph = graph;
  }

  /**
   * Reads the model and the tokenizer in a jar, without unpacking it.
   *
   * @param name a short name for messages and reports
   * @param jar the jar
   * @param memory where the tensors live
   * @return the encoder; its tokenizer's data is the file as it is, truncation and padding included
   * @throws BadInputException if the jar is damaged or does not hold a BERT encoder
   */
  public static PretrainedModel read(String name, Path jar, HostMemory memory) {
    try (ZipFile zip = JarFiles.open(jar)) {
      ZipEntry onnx = JarFiles.entry(jar, zip, "ONNX model", n -> n.endsWith(".onnx"));
      ZipEntry json = JarFiles.entry(jar, zip, "tokenizer", n -> n.endsWith("tokenizer.json"));
      String tokenizer = JarFiles.text(jar, zip, json);
      try (InputStream in = JarFiles.stream(zip, onnx)) {
        return read(name, jar + ": " + onnx.getName(), in, tokenizer, memory);
      }
    } catch (IOException e) {
      throw BadInputException.reading(jar, e);
    }
  }

  /**
   * Reads a model from a stream.
   *
   * @param name a short name for messages and reports
   * @param file what messages call the stream
   * @param onnx the model's bytes
   * @param tokenizerJson the content of its {@code tokenizer.json}
   * @param memory where the tensors live
   * @return the encoder
   * @throws BadInputException if the bytes are truncated or hold no BERT encoder
   */
  public static PretrainedModel read(
      String name, String file, InputStream onnx, String tokenizerJson, HostMemory memory) {
    OnnxGraph graph = OnnxGraph.read(file, onnx);
    return new OnnxModelReader(file, graph).model(name, tokenizerJson, memory);
  }

  private PretrainedModel model(String name, String tokenizerJson, HostMemory memory) {
    boolean erf =
        graph.nodes().stream()
            .anyMatch(
                node ->
                    node.operation().equals("Erf")
                        && node.name().startsWith("/encoder/layer.0/intermediate/"));
    if (!erf) {
      throw new BadInputException(
          file + " has no Erf in its feed-forward layer, expected a BERT encoder with erf-gelu");
    }
    Map<String, Matrix> tensors = new HashMap<>();
    for (OnnxGraph.Node node : graph.nodes()) {
      Matcher path = LINEAR.matcher(node.name());
      if (path.matches() && node.inputs().size() >= 2) {
        String weight = path.group(1).replace('/', '.') + ".weight";
        boolean stored = node.numbers().getOrDefault("transB", 0L) != 0;
        put(tensors, weight, node.inputs().get(1), !stored, memory);
      }
    }
    for (String stored : List.copyOf(graph.tensors().keySet())) {
      if (NAMED.matcher(stored).matches()) {
        put(tensors, stored, stored, false, memory);
      }
    }
    BertConfig config = BertLayout.infer(file, tensors, heads(), epsilon());
    BertLayout.check(file, config, tensors);
    checkHeadWidth(config);
    return new PretrainedModel(
        name, config, tensors, new PretrainedModel.TokenizerJson(tokenizerJson));
  }

  /** Takes a stored tensor out of the graph, so that two copies of a model never exist. */
  private void put(
      Map<String, Matrix> tensors,
      String name,
      String stored,
      boolean transpose,
      HostMemory memory) {
    OnnxGraph.Tensor tensor = graph.tensors().remove(stored);
    if (tensor == null) {
      throw new BadInputException(
          file + " holds no tensor " + stored + ", expected the one of " + name);
    }
    List<Long> dims = tensor.dims();
    if (dims.isEmpty() || dims.size() > 2) {
      throw new BadInputException(
          file + ": tensor " + stored + " has shape " + dims + ", expected one or two sizes");
    }
    float[] values = tensor.floats(file);
    int cols = dims.get(dims.size() - 1).intValue();
    int rows = dims.size() == 1 ? 1 : dims.get(0).intValue();
    tensors.put(name, LittleEndian.matrix(values, rows, cols, transpose, memory));
  }

  private int heads() {
    return Math.toIntExact(headShape()[0]);
  }

  private void checkHeadWidth(BertConfig config) {
    if (headShape()[1] != config.headWidth()) {
      throw new BadInputException(
          file
              + " splits its "
              + config.hidden()
              + " columns into "
              + config.heads()
              + " heads of "
              + headShape()[1]
              + ", expected "
              + config.headWidth());
    }
  }

  /** Finds [batch, length, heads, width], to which queries are reshaped. */
  private long[] headShape() {
    for (OnnxGraph.Node node : graph.nodes()) {
      if (node.operation().equals("Reshape")
          && node.name().startsWith(ATTENTION)
          && node.inputs().size() >= 2) {
        Optional<long[]> shape = lastTwo(node.inputs().get(1));
        if (shape.isPresent()) {
          return shape.get();
        }
      }
    }
    throw new BadInputException(
        file + " does not tell its number of heads, expected a Reshape below " + ATTENTION);
  }

  private Optional<long[]> lastTwo(String shape) {
    OnnxGraph.Tensor whole = graph.tensors().get(shape);
    if (whole != null) {
      long[] sizes = whole.longs(file);
      return sizes.length == 4 ? Optional.of(new long[] {sizes[2], sizes[3]}) : Optional.empty();
    }
    for (OnnxGraph.Node node : graph.nodes()) {
      if (node.operation().equals("Concat")
          && node.outputs().contains(shape)
          && node.inputs().size() == 4) {
        OnnxGraph.Tensor heads = graph.tensors().get(node.inputs().get(2));
        OnnxGraph.Tensor width = graph.tensors().get(node.inputs().get(3));
        if (heads != null && width != null) {
          return Optional.of(new long[] {single(heads), single(width)});
        }
      }
    }
    return Optional.empty();
  }

  private long single(OnnxGraph.Tensor tensor) {
    long[] values = tensor.longs(file);
    if (values.length != 1 || values[0] < 1 || values[0] > Integer.MAX_VALUE) {
      throw new BadInputException(
          file + " does not tell its number of heads, expected one number in its Reshape");
    }
    return values[0];
  }

  /** Finds the number that is added to the variance; as a decimal, since 1e-12f is not 1e-12. */
  private double epsilon() {
    for (OnnxGraph.Node node : graph.nodes()) {
      if (node.name().equals("/embeddings/LayerNorm/Add") && node.inputs().size() == 2) {
        OnnxGraph.Tensor value = graph.tensors().get(node.inputs().get(1));
        if (value != null && value.floats(file).length == 1) {
          return Double.parseDouble(Float.toString(value.floats(file)[0]));
        }
      }
    }
    throw new BadInputException(
        file + " does not tell its epsilon, expected it in /embeddings/LayerNorm/Add");
  }
}
