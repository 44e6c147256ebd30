// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;

/**
 * What libtorch's steps have in common: the settings in which they are timed. {@code default}, as
 * it comes; {@code kept}, the C library told to keep freed memory, without which every large tensor
 * pays its page faults again; {@code fused}, the same with libtorch's operators that do the work of
 * several.
 *
 * @param <P> what a step computes on
 */
abstract class TorchStepPeer<P extends StepProblem> implements StepPeer<P> {
  private static final String DEFAULT = "default";
  private static final String FUSED = "fused";

  /**
   * Makes the step.
   *
   * @param problem what it computes on
   * @param fused whether it takes operators that do the work of several
   */
  abstract TrainingStep open(P problem, boolean fused);

  @Override
  public final TrainingStep open(P problem, String setting, int threads) {
    torch.set_num_threads(threads);
    return open(problem, setting.equals(FUSED));
  }

  @Override
  public final String name() {
    return "torch";
  }

  @Override
  public final List<String> settings() {
    return List.of(DEFAULT, "kept", FUSED);
  }

  @Override
  public final Map<String, String> environment(String setting, int threads) {
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
