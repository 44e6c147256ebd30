// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Expected values are worked out by hand from the counts in the comments. */
class MetricTest {
  // True positives 3, false positives 1, false negatives 2, true negatives 4.
  private static final float[] PREDICTED = {1, 1, 1, 1, 0, 0, 0, 0, 0, 0};
  private static final float[] TRUE = {1, 1, 1, 0, 1, 1, 0, 0, 0, 0};

  @Test
  void accuracyCountsRightClasses() {
    MetricResult result =
        Metric.ACCURACY.evaluate(new float[] {2, 1, 0, 2}, new float[] {2, 1, 1, 0});
    assertEquals(50, result.value());
    assertEquals(50, result.selection());
  }

  @Test
  void f1AndAccuracyAreAveragedAndAccuracySelects() {
    MetricResult result = Metric.F1_ACCURACY.evaluate(PREDICTED, TRUE);
    // 2 * 3 / (2 * 3 + 1 + 2) = 2 / 3; (3 + 4) / 10.
    assertEquals(200.0 / 3, result.parts().get("f1"), 1e-12);
    assertEquals(70, result.parts().get("accuracy"), 1e-12);
    assertEquals((200.0 / 3 + 70) / 2, result.value(), 1e-12);
    assertEquals(70, result.selection(), 1e-12);
    assertEquals(List.of("f1", "accuracy"), List.copyOf(result.parts().keySet()));
  }

  @Test
  void matthews() {
    // (3 * 4 - 1 * 2) / sqrt(4 * 5 * 5 * 6) = 10 / sqrt(600).
    MetricResult result = Metric.MATTHEWS.evaluate(PREDICTED, TRUE);
    assertEquals(40.824829046386306, result.value(), 1e-12);
    assertEquals(-100, Metric.MATTHEWS.evaluate(new float[] {0, 1}, new float[] {1, 0}).value());
    assertEquals(100, Metric.MATTHEWS.evaluate(TRUE, TRUE).value(), 1e-12);
  }

  @Test
  void correlationsShareRanksOnTies() {
    float[] x = {1, 2, 2, 4};
    float[] y = {1, 3, 2, 5};
    // Pearson: mean 2.25 and 2.75; sxy 6.25, sxx 4.75, syy 8.75.
    double pearson = 6.25 / Math.sqrt(4.75 * 8.75);
    // Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: sxy 4.5, sxx 4.5, syy 5.
    double spearman = 4.5 / Math.sqrt(4.5 * 5);
    MetricResult result = Metric.PEARSON_SPEARMAN.evaluate(x, y);
    assertEquals(100 * pearson, result.parts().get("pearson"), 1e-10);
    assertEquals(100 * spearman, result.parts().get("spearman"), 1e-10);
    assertEquals(50 * (pearson + spearman), result.value(), 1e-10);
    assertEquals(result.value(), result.selection());
  }

  @Test
  void whatCannotBeComputedIsZero() {
    float[] ones = {1, 1, 1};
    float[] zeros = {0, 0, 0};
    float[] mixed = {1, 0, 1};
    assertEquals(0, Metric.MATTHEWS.evaluate(ones, mixed).value());
    assertEquals(0, Metric.MATTHEWS.evaluate(mixed, zeros).value());
    assertEquals(0, Metric.F1_ACCURACY.evaluate(zeros, zeros).parts().get("f1"));
    assertEquals(0, Metric.PEARSON_SPEARMAN.evaluate(ones, new float[] {1, 2, 3}).value());
    assertEquals(0, Metric.PEARSON_SPEARMAN.evaluate(new float[] {1, Float.NaN, 3}, mixed).value());
    assertEquals(0, Metric.PEARSON_SPEARMAN.evaluate(new float[] {1}, new float[] {1}).value());
  }

  @Test
  void refusesWhatIsNoPrediction() {
    assertThrows(
        IllegalArgumentException.class,
        () -> Metric.ACCURACY.evaluate(new float[] {1}, new float[] {1, 0}));
    assertThrows(
        IllegalArgumentException.class, () -> Metric.ACCURACY.evaluate(new float[0], new float[0]));
    assertThrows(
        IllegalArgumentException.class,
        () -> Metric.MATTHEWS.evaluate(new float[] {2}, new float[] {1}));
  }
}
