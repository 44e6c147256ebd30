// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.hipparchus.stat.correlation.PearsonsCorrelation;
import org.hipparchus.stat.correlation.SpearmansCorrelation;
import org.hipparchus.stat.ranking.NaNStrategy;
import org.hipparchus.stat.ranking.NaturalRanking;
import org.hipparchus.stat.ranking.TiesStrategy;

/**
 * The measures by which GLUE judges predictions, times 100.
 *
 * <p><b>Accuracy.</b> Counts are exact, the rest is in double. <b>Determinism.</b> Sums in the
 * order of the examples.
 *
 * <p>Source: the GLUE metrics of Hugging Face's examples, which take them from scikit-learn and
 * SciPy.
 */
public enum Metric {
  /** The share of right classes. */
  ACCURACY {
    @Override
    MetricResult measure(float[] predictions, float[] labels) {
      double accuracy = accuracy(predictions, labels);
      return new MetricResult(accuracy, accuracy, Map.of("accuracy", accuracy));
    }
  },
  /** The mean of F1 of class 1 and accuracy; models are chosen by accuracy. */
  F1_ACCURACY {
    @Override
    MetricResult measure(float[] predictions, float[] labels) {
      double accuracy = accuracy(predictions, labels);
      double f1 = Confusion.of(predictions, labels).f1();
      return mean("f1", f1, "accuracy", accuracy, accuracy);
    }
  },
  /** Matthews' correlation of two classes. */
  MATTHEWS {
    @Override
    MetricResult measure(float[] predictions, float[] labels) {
      double matthews = Confusion.of(predictions, labels).matthews();
      Map<String, Double> parts = new LinkedHashMap<>();
      parts.put("matthews", matthews);
      parts.put("accuracy", accuracy(predictions, labels));
      return new MetricResult(matthews, matthews, parts);
    }
  },
  /** The mean of Pearson's correlation and Spearman's, ties sharing their mean rank. */
  PEARSON_SPEARMAN {
    @Override
    MetricResult measure(float[] predictions, float[] labels) {
      double pearson = 0;
      double spearman = 0;
      if (labels.length > 1 && allFinite(predictions) && allFinite(labels)) {
        double[] x = toDouble(predictions);
        double[] y = toDouble(labels);
        pearson = orZero(new PearsonsCorrelation().correlation(x, y));
        spearman =
            orZero(
                new SpearmansCorrelation(
                        new NaturalRanking(NaNStrategy.FAILED, TiesStrategy.AVERAGE))
                    .correlation(x, y));
      }
      double value = 100 * (pearson + spearman) / 2;
      return mean("pearson", 100 * pearson, "spearman", 100 * spearman, value);
    }
  };

  /**
   * Judges predictions.
   *
   * <p>What cannot be computed is 0: Matthews' correlation when a row or column of the confusion
   * matrix is empty (predictions of one class, as in scikit-learn), F1 without a true or predicted
   * positive, and a correlation when one side is constant or not finite, or there are fewer than
   * two examples.
   *
   * @param predictions class ids or scores, one an example
   * @param labels the true ones
   * @return the value and its parts
   * @throws IllegalArgumentException if there is no example, the counts differ, or F1 or Matthews'
   *     correlation is asked of classes other than 0 and 1
   */
  public MetricResult evaluate(float[] predictions, float[] labels) {
    if (labels.length == 0 || predictions.length != labels.length) {
      throw new IllegalArgumentException(
          "Metric "
              + id()
              + ": given "
              + predictions.length
              + " predictions for "
              + labels.length
              + " labels, expected as many, at least 1");
    }
    return measure(predictions, labels);
  }

  /** Returns the name in reports. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  abstract MetricResult measure(float[] predictions, float[] labels);

  private static MetricResult mean(
      String first, double firstValue, String second, double secondValue, double selection) {
    Map<String, Double> parts = new LinkedHashMap<>();
    parts.put(first, firstValue);
    parts.put(second, secondValue);
    return new MetricResult((firstValue + secondValue) / 2, selection, parts);
  }

  private static double accuracy(float[] predictions, float[] labels) {
    int right = 0;
    for (int i = 0; i < labels.length; i++) {
      right += predictions[i] == labels[i] ? 1 : 0;
    }
    return 100.0 * right / labels.length;
  }

  private static double orZero(double correlation) {
    return Double.isNaN(correlation) ? 0 : correlation;
  }

  private static boolean allFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  private static double[] toDouble(float[] values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }

  private record Confusion(
      double truePositive, double falsePositive, double falseNegative, double trueNegative) {
    static Confusion of(float[] predictions, float[] labels) {
      int[] counts = new int[4];
      for (int i = 0; i < labels.length; i++) {
        counts[2 * binary(predictions[i]) + binary(labels[i])]++;
      }
      return new Confusion(counts[3], counts[2], counts[1], counts[0]);
    }

    private static int binary(float label) {
      if (label != 0 && label != 1) {
        throw new IllegalArgumentException(
            "Metric: class: given " + label + ", expected 0 or 1 for F1 and Matthews' correlation");
      }
      return (int) label;
    }

    double f1() {
      double all = 2 * truePositive + falsePositive + falseNegative;
      return all == 0 ? 0 : 100 * 2 * truePositive / all;
    }

    double matthews() {
      double product =
          (truePositive + falsePositive)
              * (truePositive + falseNegative)
              * (trueNegative + falsePositive)
              * (trueNegative + falseNegative);
      return product == 0
          ? 0
          : 100
              * (truePositive * trueNegative - falsePositive * falseNegative)
              / Math.sqrt(product);
    }
  }
}
