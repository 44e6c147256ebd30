// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.checkpoint;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.formats.SafetensorsWriter.Entry;
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.optim.Optimizer;

/**
 * The state of a training run in one safetensors file: parameters, both moments of the optimizer,
 * the number of steps, and strings of the caller. Random numbers are functions of seed and step, so
 * they need no state of their own.
 *
 * <p>A file is written beside its predecessor and then takes its place: killed at any moment, a run
 * finds the one or the other, whole.
 */
public final class Checkpoint {
  private static final String VALUE = "parameter.";
  private static final String FIRST = "first_moment.";
  private static final String SECOND = "second_moment.";
  private static final String STEPS = "limbeck.steps";

  private Checkpoint() {}

  /**
   * Writes the state of a run.
   *
   * @param file the file, replaced as a whole
   * @param memory the memory of the device on which the run is
   * @param parameters what is trained
   * @param optimizer its optimizer, or null to write the values alone
   * @param notes strings that {@link #load} returns, such as settings and measures so far
   * @throws BadInputException if the file cannot be written; an earlier one is then untouched
   */
  public static void save(
      Path file,
      Memory memory,
      ParameterSet parameters,
      Optimizer optimizer,
      Map<String, String> notes) {
    try (HostMemory staging = new HostMemory()) {
      Map<String, Entry> tensors = new LinkedHashMap<>();
      for (Parameter parameter : parameters.all()) {
        tensors.put(
            VALUE + parameter.name(), StoredTensors.entry(memory, staging, parameter.value()));
      }
      Map<String, String> metadata = new TreeMap<>(notes);
      if (optimizer != null) {
        optimizer
            .firstMoments()
            .forEach(
                (name, m) -> tensors.put(FIRST + name, StoredTensors.entry(memory, staging, m)));
        optimizer
            .secondMoments()
            .forEach(
                (name, m) -> tensors.put(SECOND + name, StoredTensors.entry(memory, staging, m)));
        metadata.put(STEPS, Long.toString(optimizer.steps()));
      }
      SafetensorsWriter.write(file, tensors, metadata);
    }
  }

  /**
   * Reads the state of a run.
   *
   * @param file a file that {@link #save} wrote
   * @param memory the memory of the device on which the run is
   * @param parameters what is trained; values are overwritten
   * @param optimizer its optimizer, whose moments and steps are overwritten; or null to read the
   *     values alone
   * @return the strings of the caller
   * @throws BadInputException if the file is missing, truncated, or of another network
   */
  public static Map<String, String> load(
      Path file, Memory memory, ParameterSet parameters, Optimizer optimizer) {
    try (SafetensorsFile opened = SafetensorsFile.open(file);
        HostMemory staging = new HostMemory()) {
      // Everything is looked at before anything is overwritten.
      Map<Matrix, TensorView> sources = new LinkedHashMap<>();
      for (Parameter parameter : parameters.all()) {
        find(opened, file, VALUE + parameter.name(), parameter.value(), sources);
      }
      long steps = 0;
      if (optimizer != null) {
        optimizer.firstMoments().forEach((name, m) -> find(opened, file, FIRST + name, m, sources));
        optimizer
            .secondMoments()
            .forEach((name, m) -> find(opened, file, SECOND + name, m, sources));
        steps = steps(file, opened.metadata());
      }
      sources.forEach((target, view) -> memory.upload(view.copyAsFloats(staging), target));
      if (optimizer != null) {
        optimizer.restoreSteps(steps);
      }
      Map<String, String> notes = new TreeMap<>(opened.metadata());
      notes.remove(STEPS);
      return notes;
    }
  }

  private static void find(
      SafetensorsFile opened,
      Path file,
      String name,
      Matrix target,
      Map<Matrix, TensorView> sources) {
    sources.put(target, StoredTensors.find(opened, file, "a checkpoint", name, target));
  }

  private static long steps(Path file, Map<String, String> metadata) {
    try {
      long steps = Long.parseLong(metadata.getOrDefault(STEPS, ""));
      if (steps >= 0) {
        return steps;
      }
    } catch (NumberFormatException e) {
      // Reported below, with the numbers below 0.
    }
    throw new BadInputException(
        file + " does not say after how many steps it was written: it is not a checkpoint");
  }
}
