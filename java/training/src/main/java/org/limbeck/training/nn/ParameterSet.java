// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/** The parameters of a network by name, in the order in which its layers made them. */
public final class ParameterSet {
  private final Memory memory;
  private final SequencedMap<String, Parameter> byName = new LinkedHashMap<>();

  /**
   * Makes an empty set.
   *
   * @param memory where new parameters live
   */
  public ParameterSet(Memory memory) {
    this.memory = memory;
  }

  /**
   * Adds a parameter of zeros.
   *
   * @param name its name, not yet in use
   * @param rows its rows; 1 for a vector
   * @param cols its columns
   */
  public Parameter add(String name, long rows, long cols) {
    Parameter parameter = new Parameter(name, memory, rows, cols);
    if (byName.putIfAbsent(name, parameter) != null) {
      throw new IllegalArgumentException(
          "ParameterSet: name: given " + name + " twice, expected different names");
    }
    return parameter;
  }

  /** Returns all parameters in order. */
  public Collection<Parameter> all() {
    return Collections.unmodifiableCollection(byName.values());
  }

  /** Returns all parameters by name, in order. */
  public Map<String, Parameter> byName() {
    return Collections.unmodifiableMap(byName);
  }

  /**
   * Copies the values of a parameter to the host.
   *
   * @param parameter one of this set
   * @param target F32 on the host, of its shape, written
   */
  public void download(Parameter parameter, Matrix target) {
    memory.download(parameter.value(), target);
  }

  /** Returns the number of trained values. */
  public long elements() {
    return byName.values().stream().mapToLong(p -> p.value().elements()).sum();
  }

  /** Sets all gradients to 0. */
  public void zeroGradients() {
    for (Parameter parameter : byName.values()) {
      memory.zero(parameter.gradient());
    }
  }

  /**
   * Copies the values of equally named parameters.
   *
   * @param other a set on the same device with at least the names and shapes of this one
   */
  public void copyValuesFrom(ParameterSet other) {
    for (Parameter parameter : byName.values()) {
      Parameter source = other.byName.get(parameter.name());
      if (source == null) {
        throw new IllegalArgumentException(
            "ParameterSet.copyValuesFrom: given a set without " + parameter + ", expected it");
      }
      memory.copy(source.value(), parameter.value());
    }
  }
}
