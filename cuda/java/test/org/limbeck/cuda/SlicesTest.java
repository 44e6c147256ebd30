// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which products are cut along k, and into how many slices. */
class SlicesTest {
  @ParameterizedTest
  @CsvSource({
    // Gradients of the weights of BERT-base by 4,096 rows, and of a bias.
    "768, 768, 4096, 6",
    "768, 3072, 4096, 3",
    "3072, 768, 4096, 3",
    "1, 768, 4096, 8",
    // Few rows, and as few terms as are cut.
    "16, 768, 3072, 6",
    "1, 1, 2048, 4"
  })
  void fewTilesAreCut(long m, long n, long k, long slices) {
    assertEquals(slices, Slices.count(k, Slices.terms(m, n, k)));
  }

  @ParameterizedTest
  @CsvSource({
    // The other products of BERT-base.
    "4096, 768, 768",
    "4096, 3072, 768",
    "4096, 768, 3072",
    "16, 768, 768",
    // Large ones, and none at all.
    "4096, 4096, 4096",
    "1, 1, 2047",
    "768, 768, 0"
  })
  void othersAreNot(long m, long n, long k) {
    assertEquals(k, Slices.terms(m, n, k));
    assertEquals(1, Slices.count(k, k));
  }

  @Test
  void slicesHaveWholeStepsAndNoneIsEmpty() {
    for (long m = 1; m < 3000; m += 127) {
      for (long n = 1; n < 3000; n += 131) {
        for (long k : new long[] {2048, 2049, 3333, 4096, 70_001, 1 << 20}) {
          long terms = Slices.terms(m, n, k);
          if (terms != k) {
            String sizes = m + " x " + n + " x " + k;
            assertEquals(0, terms % 64, sizes);
            long slices = Slices.count(k, terms);
            assertTrue(slices >= 2 && terms >= 512 && (slices - 1) * terms < k, sizes);
          }
        }
      }
    }
  }
}
