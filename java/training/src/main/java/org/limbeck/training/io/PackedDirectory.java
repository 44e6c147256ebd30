// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.ElementType;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.formats.SafetensorsWriter.Entry;
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Group;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.io.BertLayout.Shape;
import org.limbeck.training.packed.PackedModel;
import org.limbeck.training.packed.PackedWeight;

/**
 * A packed model on disk, schema {@value #SCHEMA}: a directory with {@code packed.json} (sizes,
 * task, how activations are quantized, the layout's name, and shape, quantizer and kind of scale of
 * each tensor), {@code packed.safetensors}, and {@code tokenizer.json} or {@code vocab.txt}.
 *
 * <p>In the safetensors file, a ternary tensor T of shape [rows, cols] is {@code T.codes}, U8
 * [rows, bytes of a row] in layout {@value PackedTernary#LAYOUT}, and {@code T.scale}, F32 [1] or
 * [rows]; a tensor in full precision is {@code T}, F32. Packed bytes begin at multiples of 64.
 *
 * <p>Opening maps the file: tensors are views of it, and none is copied. Each byte is read once and
 * checked. The file must not shrink while it is open; replacing it, as {@link #write} does, is
 * harmless.
 */
public final class PackedDirectory implements AutoCloseable {
  /** The name and version of the schema. */
  public static final String SCHEMA = "limbeck-packed-v1";

  private static final String DESCRIPTION = "packed.json";
  private static final String TENSORS = "packed.safetensors";
  private static final String CODES = ".codes";
  private static final String SCALE = ".scale";
  private static final String PADDING = "padding";
  private static final String TERNARY = "ternary_twn";
  private static final String NONE = "none";
  private static final String BY_TENSOR = "tensor";
  private static final String BY_ROW = "row";
  private static final String SYMMETRIC = "uniform_symmetric";
  private static final int ALIGNMENT = 64;

  private final PackedModel model;
  private final SafetensorsFile file;
  private final long diskBytes;

  private PackedDirectory(PackedModel model, SafetensorsFile file, long diskBytes) {
    this.model = model;
    this.file = file;
    this.diskBytes = diskBytes;
  }

  /** Returns the model; its tensors end when this is closed. */
  public PackedModel model() {
    return model;
  }

  /** Returns the size on disk of description and tensors, without the vocabulary. */
  public long diskBytes() {
    return diskBytes;
  }

  /** Unmaps the file. Using a tensor afterwards is reported as an error. */
  @Override
  public void close() {
    file.close();
  }

  /**
   * Returns whether a directory holds a packed model that was written to the end.
   *
   * @param directory the directory; it need not be there
   */
  public static boolean isComplete(Path directory) {
    return Files.exists(directory.resolve(DESCRIPTION));
  }

  /**
   * Writes a model. An earlier description goes first and the new one comes last, so that a
   * directory with a description is whole.
   *
   * @param directory the directory; created if it is not there
   * @param model the model
   * @throws BadInputException if a file cannot be written, or a tensor is missing, has another
   *     shape than the sizes say, or holds a number that is not finite
   */
  public static void write(Path directory, PackedModel model) {
    String where = "the model " + model.name();
    JsonObject tensors = new JsonObject();
    Map<String, Entry> full = new TreeMap<>();
    Map<String, Entry> codes = new TreeMap<>();
    BertLayout.classifier(model.config(), model.labels())
        .forEach(
            (name, shape) -> {
              JsonObject description = new JsonObject();
              description.add("shape", array(shape));
              if (BertLayout.isTernary(name)) {
                PackedWeight weight = present(where, name, model.ternary().get(name));
                PackedTernary packed = weight.codes();
                requireShape(where, name, new Shape(packed.rows(), packed.cols()), shape);
                requireFinite(where, name + SCALE, weight.scale());
                codes.put(name + CODES, Entry.of(packed.bytes()));
                full.put(name + SCALE, Entry.vector(weight.scale()));
                description.addProperty("quantizer", TERNARY);
                description.addProperty("scale", scaleKind(weight.scale().cols(), packed.rows()));
              } else {
                Matrix matrix = present(where, name, model.full().get(name));
                requireShape(where, name, new Shape(matrix.rows(), matrix.cols()), shape);
                requireFinite(where, name, matrix);
                full.put(name, BertLayout.isVector(name) ? Entry.vector(matrix) : Entry.of(matrix));
                description.addProperty("quantizer", NONE);
              }
              tensors.add(name, description);
            });
    Path description = directory.resolve(DESCRIPTION);
    try {
      Files.createDirectories(directory);
      Files.deleteIfExists(description);
    } catch (IOException e) {
      throw BadInputException.writing(directory, e);
    }
    writeTensors(directory.resolve(TENSORS), full, codes);
    VocabularyFiles.write(directory, model.vocabulary());
    AtomicFiles.write(
        description,
        new GsonBuilder().setPrettyPrinting().create().toJson(describe(model, tensors)) + "\n");
  }

  private static void writeTensors(Path file, Map<String, Entry> full, Map<String, Entry> codes) {
    long bytes =
        full.values().stream().mapToLong(entry -> entry.matrix().elements() * Float.BYTES).sum();
    try (HostMemory memory = new HostMemory()) {
      Map<String, Entry> entries = new LinkedHashMap<>(full);
      // The writer puts wider types first, and the format has no gaps.
      entries.put(PADDING, Entry.vector(memory.vector(DType.U8, Math.floorMod(-bytes, ALIGNMENT))));
      entries.putAll(codes);
      SafetensorsWriter.write(file, entries, Map.of("schema", SCHEMA));
    }
  }

  private static JsonObject describe(PackedModel model, JsonObject tensors) {
    JsonObject json = new JsonObject();
    json.addProperty("schema", SCHEMA);
    json.addProperty("layout", PackedTernary.LAYOUT);
    json.addProperty("model", model.name());
    json.addProperty("task", model.task());
    json.addProperty("labels", model.labels());
    BertConfig config = model.config();
    JsonObject sizes = new JsonObject();
    sizes.addProperty("layers", config.layers());
    sizes.addProperty("hidden", config.hidden());
    sizes.addProperty("heads", config.heads());
    sizes.addProperty("intermediate", config.intermediate());
    sizes.addProperty("vocabulary", config.vocabulary());
    sizes.addProperty("positions", config.positions());
    sizes.addProperty("types", config.types());
    sizes.addProperty("epsilon", config.epsilon());
    json.add("config", sizes);
    FakeQuant.Spec activation = model.activation();
    if (activation.scheme() != FakeQuant.Scheme.UNIFORM_SYMMETRIC
        || !activation.group().equals(Group.TENSOR)
        || Float.isInfinite(activation.clip())) {
      throw new IllegalArgumentException(
          "PackedDirectory.write: activation: given "
              + activation
              + ", expected symmetric levels by tensor with a clip");
    }
    JsonObject quantizer = new JsonObject();
    quantizer.addProperty("quantizer", SYMMETRIC);
    quantizer.addProperty("bits", activation.bits());
    quantizer.addProperty("scale", BY_TENSOR);
    quantizer.addProperty("clip", activation.clip());
    json.add("activations", quantizer);
    json.add("tensors", tensors);
    return json;
  }

  private static String scaleKind(long scales, long rows) {
    return scales == rows && rows > 1 ? BY_ROW : BY_TENSOR;
  }

  private static JsonArray array(Shape shape) {
    JsonArray array = new JsonArray();
    array.add(shape.rows());
    array.add(shape.cols());
    return array;
  }

  /**
   * Opens a model.
   *
   * @param directory a directory that {@link #write} wrote
   * @return the open model; the caller closes it
   * @throws BadInputException naming the file and what is wrong, if a file is missing, truncated or
   *     malformed, schema or layout are others, a tensor is missing or has another shape, packed
   *     bytes hold the code 3, or a number is not finite
   */
  public static PackedDirectory open(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new BadInputException(
          directory + " is no directory, expected one with " + DESCRIPTION + " and " + TENSORS);
    }
    Path description = directory.resolve(DESCRIPTION);
    Path tensors = directory.resolve(TENSORS);
    JsonFields json = JsonFields.read(description);
    json.expect("schema", SCHEMA);
    json.expect("layout", PackedTernary.LAYOUT);
    BertConfig config = config(json.object("config"));
    SafetensorsFile file = SafetensorsFile.open(tensors);
    try {
      int labels = json.size("labels");
      Map<String, PackedWeight> ternary = new HashMap<>();
      Map<String, Matrix> full = new HashMap<>();
      JsonFields listed = json.object("tensors");
      for (Map.Entry<String, Shape> expected : BertLayout.classifier(config, labels).entrySet()) {
        String name = expected.getKey();
        Shape shape = expected.getValue();
        JsonFields entry = listed.object(name);
        entry.expect("shape", array(shape));
        if (BertLayout.isTernary(name)) {
          entry.expect("quantizer", TERNARY);
          ternary.put(name, ternary(tensors, file, entry, name, shape));
        } else {
          entry.expect("quantizer", NONE);
          full.put(name, floats(tensors, file, name, shape));
        }
      }
      PackedModel model =
          new PackedModel(
              json.text("model"),
              json.text("task"),
              labels,
              config,
              activation(json.object("activations")),
              ternary,
              full,
              VocabularyFiles.read(directory, config.vocabulary()));
      return new PackedDirectory(model, file, Files.size(description) + Files.size(tensors));
    } catch (IOException e) {
      file.close();
      throw BadInputException.reading(directory, e);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static BertConfig config(JsonFields json) {
    return BertLayout.config(
        json.where(),
        json.size("layers"),
        json.size("hidden"),
        json.size("heads"),
        json.size("intermediate"),
        json.size("vocabulary"),
        json.size("positions"),
        json.size("types"),
        json.number("epsilon"));
  }

  private static FakeQuant.Spec activation(JsonFields json) {
    json.expect("quantizer", SYMMETRIC);
    json.expect("scale", BY_TENSOR);
    try {
      return FakeQuant.Spec.symmetric(json.size("bits"), Group.TENSOR, (float) json.number("clip"));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          json.where() + " does not describe a quantizer: " + e.getMessage(), e);
    }
  }

  private static PackedWeight ternary(
      Path path, SafetensorsFile file, JsonFields entry, String name, Shape shape) {
    boolean byRow = BY_ROW.equals(entry.text("scale"));
    if (!byRow) {
      entry.expect("scale", BY_TENSOR);
    }
    Shape packed = new Shape(shape.rows(), PackedTernary.rowBytes(shape.cols()));
    Matrix bytes = matrix(path, file, name + CODES, ElementType.U8, packed);
    PackedTernary codes =
        PackedTernary.of(bytes.buffer(), bytes.offsetBytes(), shape.rows(), shape.cols());
    try {
      codes.validate();
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          path + ": tensor " + name + CODES + " is malformed: " + e.getMessage(), e);
    }
    Matrix scale = floats(path, file, name + SCALE, new Shape(1, byRow ? shape.rows() : 1));
    return new PackedWeight(codes, scale);
  }

  private static Matrix floats(Path path, SafetensorsFile file, String name, Shape shape) {
    Matrix matrix = matrix(path, file, name, ElementType.F32, shape);
    requireFinite(path.toString(), name, matrix);
    return matrix;
  }

  private static Matrix matrix(
      Path path, SafetensorsFile file, String name, ElementType type, Shape shape) {
    TensorView view = present(path.toString(), name, file.tensors().get(name));
    if (view.type() != type) {
      throw new BadInputException(
          path + ": tensor " + name + " is " + view.type() + ", expected " + type);
    }
    List<Long> vector = List.of(shape.cols());
    if (!view.shape().equals(List.of(shape.rows(), shape.cols()))
        && !(shape.rows() == 1 && view.shape().equals(vector))) {
      throw new BadInputException(
          path + ": tensor " + name + " has shape " + view.shape() + ", expected " + shape);
    }
    return view.matrix();
  }

  private static <T> T present(String where, String name, T tensor) {
    if (tensor == null) {
      throw new BadInputException(where + " holds no tensor " + name + ", expected one");
    }
    return tensor;
  }

  private static void requireShape(String where, String name, Shape given, Shape expected) {
    if (!given.equals(expected)) {
      throw new BadInputException(
          where + ": tensor " + name + " has shape " + given + ", expected " + expected);
    }
  }

  private static void requireFinite(String where, String name, Matrix matrix) {
    for (long r = 0; r < matrix.rows(); r++) {
      for (long c = 0; c < matrix.cols(); c++) {
        if (!Float.isFinite(matrix.getFloat(r, c))) {
          throw new BadInputException(
              where
                  + ": tensor "
                  + name
                  + " holds "
                  + matrix.getFloat(r, c)
                  + " at ("
                  + r
                  + ", "
                  + c
                  + "), expected finite numbers");
        }
      }
    }
  }
}
