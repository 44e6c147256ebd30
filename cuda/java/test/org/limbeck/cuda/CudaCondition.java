// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.limbeck.kernels.backend.Backends;

/**
 * Skips the tests of kernels, with the reason, where the backend that they run on is absent. Where
 * {@code limbeck.require} names it, its absence is an error instead.
 */
public final class CudaCondition implements ExecutionCondition {
  /** For the service loader. */
  public CudaCondition() {}

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    String name = context.getRequiredTestClass().getSimpleName();
    if (context.getTestMethod().isPresent() || !name.startsWith("Cuda")) {
      return ConditionEvaluationResult.enabled("needs no kernels, or has been asked already");
    }
    try (Backends backends = Backends.discover()) {
      return backends.missing().stream()
          .filter(missing -> missing.name().equals(TestedBackend.name()))
          .findFirst()
          .map(missing -> ConditionEvaluationResult.disabled(missing.toString()))
          .orElseGet(() -> ConditionEvaluationResult.enabled("the kernels are there"));
    }
  }
}
