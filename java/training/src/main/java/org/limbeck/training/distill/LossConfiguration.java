// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which losses train a student: L = prediction + hidden states + the sum of coefficient times term.
 *
 * <p>Written as terms joined by {@code +}, each with an optional factor and, for the map, an
 * optional temperature: {@code baseline} (the score loss), {@code map}, {@code output}, {@code
 * map+output}, {@code map*0.5+output}, {@code map@5} (temperature 5), {@code map@5^2} (times the
 * squared temperature), {@code context}, {@code self_output}, {@code none} (prediction and hidden
 * states alone); {@code layers:12.10.8} restricts the hidden states to those X_i.
 *
 * @param name how it was written
 * @param coefficients the factor of each term that is on, {@link LossTerm#PREDICTION} and {@link
 *     LossTerm#HIDDEN} among them
 * @param temperature the temperature of the map term
 * @param tauSquared whether the map term is multiplied by the squared temperature
 * @param hiddenLayers the i of the X_i that the hidden term compares; empty for all
 */
public record LossConfiguration(
    String name,
    Map<LossTerm, Double> coefficients,
    double temperature,
    boolean tauSquared,
    List<Integer> hiddenLayers) {
  private static final Pattern TERM =
      Pattern.compile("([a-z_]+)(?:@([0-9.]+)(\\^2)?)?(?:\\*([0-9.]+))?");
  private static final String LAYERS = "layers:";

  /** Checks that the terms go together. */
  public LossConfiguration {
    Objects.requireNonNull(name, "name");
    coefficients = Map.copyOf(coefficients);
    hiddenLayers = List.copyOf(hiddenLayers);
    if (coefficients.containsKey(LossTerm.SCORE) && coefficients.containsKey(LossTerm.MAP)) {
      throw new IllegalArgumentException(
          "loss " + name + ": given score and map terms, expected one of them");
    }
  }

  /**
   * Reads a configuration.
   *
   * @param text as described at the type
   * @throws IllegalArgumentException if a term is unknown or a number is malformed; the message
   *     names what is known
   */
  public static LossConfiguration parse(String text) {
    Map<LossTerm, Double> coefficients = new EnumMap<>(LossTerm.class);
    coefficients.put(LossTerm.PREDICTION, 1.0);
    coefficients.put(LossTerm.HIDDEN, 1.0);
    double temperature = 1;
    boolean tauSquared = false;
    List<Integer> layers = new ArrayList<>();
    for (String part : text.strip().split("\\+", -1)) {
      if (part.startsWith(LAYERS)) {
        layers.addAll(layers(text, part.substring(LAYERS.length())));
        continue;
      }
      Matcher matcher = TERM.matcher(part);
      if (!matcher.matches()) {
        throw unknown(text, part);
      }
      LossTerm term =
          switch (matcher.group(1)) {
            case "baseline", "score" -> LossTerm.SCORE;
            case "map" -> LossTerm.MAP;
            case "output" -> LossTerm.OUTPUT;
            case "context" -> LossTerm.CONTEXT;
            case "self_output" -> LossTerm.SELF_OUTPUT;
            case "none" -> null;
            default -> throw unknown(text, part);
          };
      if (matcher.group(2) != null) {
        if (term != LossTerm.MAP) {
          throw new IllegalArgumentException(
              "loss " + text + ": given a temperature for " + part + ", expected one for map only");
        }
        temperature = number(text, matcher.group(2));
        tauSquared = matcher.group(3) != null;
      }
      if (term == null && matcher.group(4) != null) {
        throw new IllegalArgumentException(
            "loss " + text + ": given a factor for " + part + ", expected one for a term only");
      }
      if (term != null) {
        double factor = matcher.group(4) == null ? 1 : number(text, matcher.group(4));
        if (coefficients.put(term, factor) != null) {
          throw new IllegalArgumentException(
              "loss " + text + ": given " + part + " twice, expected each term once");
        }
      }
    }
    return new LossConfiguration(text.strip(), coefficients, temperature, tauSquared, layers);
  }

  private static List<Integer> layers(String text, String list) {
    try {
      return Arrays.stream(list.split("\\.", -1)).map(Integer::valueOf).toList();
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "loss " + text + ": given layers " + list + ", expected numbers joined by dots", e);
    }
  }

  private static double number(String text, String digits) {
    try {
      double value = Double.parseDouble(digits);
      if (value > 0 && value < Double.POSITIVE_INFINITY) {
        return value;
      }
    } catch (NumberFormatException e) {
      // Reported below, with the numbers that are not above 0.
    }
    throw new IllegalArgumentException(
        "loss " + text + ": given the number " + digits + ", expected a finite one above 0");
  }

  private static IllegalArgumentException unknown(String text, String part) {
    return new IllegalArgumentException(
        "loss "
            + text
            + ": given the term '"
            + part
            + "', expected baseline, score, map, output, context, self_output, none or layers:I.J,"
            + " with @TEMPERATURE after map and *FACTOR");
  }

  /** Returns the factor of a term, 0 where it is off. */
  public double coefficient(LossTerm term) {
    return coefficients.getOrDefault(term, 0.0);
  }

  /** Returns whether a term is on. */
  public boolean has(LossTerm term) {
    return coefficients.containsKey(term);
  }

  /** Returns whether the hidden term compares X_i. */
  public boolean comparesHidden(int index) {
    return has(LossTerm.HIDDEN) && (hiddenLayers.isEmpty() || hiddenLayers.contains(index));
  }
}
