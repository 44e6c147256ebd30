// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch's step. Settings: {@code default}, as it comes; {@code kept}, the C library told to keep
 * freed memory, without which every large tensor pays its page faults again; {@code fused}, the
 * same with libtorch's own operator for fake-quantized activations instead of the detach trick.
 */
public final class TorchStepPeer implements StepPeer {
  private static final String DEFAULT = "default";
  private static final String KEPT = "kept";
  private static final String FUSED = "fused";

  /** For ServiceLoader. */
  public TorchStepPeer() {}

  @Override
  public String name() {
    return "torch";
  }

  @Override
  public List<String> settings() {
    return List.of(DEFAULT, KEPT, FUSED);
  }

  @Override
  public Map<String, String> environment(String setting, int threads) {
    Map<String, String> variables = new LinkedHashMap<>();
    variables.put("OMP_NUM_THREADS", String.valueOf(threads));
    variables.put("OPENBLAS_NUM_THREADS", String.valueOf(threads));
    if (!setting.equals(DEFAULT)) {
      variables.put("MALLOC_MMAP_MAX_", "0");
      variables.put("MALLOC_TRIM_THRESHOLD_", "12000000000");
      variables.put("MALLOC_TOP_PAD_", "268435456");
      // libtorch and OpenBLAS have threads of their own, which must not wait in each other's way.
      variables.put("GOMP_SPINCOUNT", "2000");
    }
    return variables;
  }

  @Override
  public TrainingStep open(StepProblem problem, String setting, int threads) {
    torch.set_num_threads(threads);
    return new TorchStep(
        problem,
        setting.equals(FUSED) ? new FusedTorchQuantizer() : new StraightThroughTorchQuantizer());
  }
}
