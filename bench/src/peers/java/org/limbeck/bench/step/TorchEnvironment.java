// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The settings in which libtorch is timed: {@code default}, as it comes; {@code kept}, the C
 * library told to keep freed memory, without which every large tensor pays its page faults again;
 * {@code fused}, the same with libtorch's operators that do the work of several.
 */
final class TorchEnvironment {
  /** The name of the peer. */
  static final String NAME = "torch";

  /** The setting with operators that do the work of several. */
  static final String FUSED = "fused";

  private static final String DEFAULT = "default";

  /** All settings. */
  static final List<String> SETTINGS = List.of(DEFAULT, "kept", FUSED);

  private TorchEnvironment() {}

  /** Returns the environment variables of a setting. */
  static Map<String, String> of(String setting, int threads) {
    Map<String, String> variables = new LinkedHashMap<>();
    variables.put("OMP_NUM_THREADS", String.valueOf(threads));
    variables.put("OPENBLAS_NUM_THREADS", String.valueOf(threads));
    if (!setting.equals(DEFAULT)) {
      variables.put("MALLOC_MMAP_MAX_", "0");
      // Other arenas than the first cannot hold and keep what is larger than 64 MB.
      variables.put("MALLOC_ARENA_MAX", "1");
      variables.put("MALLOC_TRIM_THRESHOLD_", "12000000000");
      variables.put("MALLOC_TOP_PAD_", "268435456");
      // libtorch and OpenBLAS have threads of their own, which must not wait in each other's way.
      variables.put("GOMP_SPINCOUNT", "2000");
    }
    return variables;
  }
}
