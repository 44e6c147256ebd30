// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.limbeck.kernels.backend.Backends;

/**
 * Skips the tests of kernels, with the reason, where this build made no library. Where {@code
 * limbeck.require} names the backend, its absence is an error instead.
 */
public final class NativeCondition implements ExecutionCondition {
  /** For the service loader. */
  public NativeCondition() {}

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    String name = context.getRequiredTestClass().getSimpleName();
    if (context.getTestMethod().isPresent() || !name.startsWith("Native")) {
      return ConditionEvaluationResult.enabled("needs no library, or has been asked already");
    }
    try (Backends backends = Backends.discover()) {
      return backends.missing().stream()
          .filter(missing -> missing.name().equals("native"))
          .findFirst()
          .map(missing -> ConditionEvaluationResult.disabled(missing.toString()))
          .orElseGet(() -> ConditionEvaluationResult.enabled("the library is there"));
    }
  }
}
