// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Arrays;
import java.util.Locale;
import org.openjdk.jmh.infra.BenchmarkParams;

/** What can be measured: the ceilings, which every run begins with, and the stems. */
enum Stem {
  CEILING(CeilingsBenchmark.class.getSimpleName(), 1),
  GEMM_F32(GemmF32Benchmark.class.getSimpleName(), 3),
  SOFTMAX_KL(SoftmaxKlBenchmark.class.getSimpleName(), 2),
  FAKE_QUANT(FakeQuantBenchmark.class.getSimpleName(), 2);

  private final String benchmark;
  private final int dimensions;

  Stem(String benchmark, int dimensions) {
    this.benchmark = benchmark;
    this.dimensions = dimensions;
  }

  /** Returns the name of the stem, as everywhere in this project. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the regular expression by which JMH finds the benchmarks of the stem. */
  String include() {
    return "\\." + benchmark + "\\.";
  }

  /** Returns the number of sizes in a shape of the stem. */
  int dimensions() {
    return dimensions;
  }

  /** Returns what one call does under some parameters. */
  Work work(BenchmarkParams params) {
    return switch (this) {
      case CEILING -> CeilingsBenchmark.work(params);
      case GEMM_F32 -> GemmF32Benchmark.work(params);
      case SOFTMAX_KL -> SoftmaxKlBenchmark.work(params);
      case FAKE_QUANT -> FakeQuantBenchmark.work(params);
    };
  }

  /** Returns the stem of a name; null where there is none. */
  static Stem find(String label) {
    return Arrays.stream(values())
        .filter(stem -> stem != CEILING && stem.label().equals(label))
        .findFirst()
        .orElse(null);
  }
}
