// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import java.util.List;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.limbeck.kernels.backend.Backends;

/**
 * Skips a module's tests of kernels, with the reason, where the backend that they run on is absent.
 * Where {@code limbeck.tests.require}, a comma-separated list, names it, its absence is an error
 * instead.
 */
public abstract class BackendCondition implements ExecutionCondition {
  private static final String REQUIRE_PROPERTY = "limbeck.tests.require";

  private final String backend;
  private final String prefix;

  /**
   * Makes a condition.
   *
   * @param backend the backend's name
   * @param prefix how the names of the test classes begin that need it
   */
  protected BackendCondition(String backend, String prefix) {
    this.backend = backend;
    this.prefix = prefix;
  }

  @Override
  public final ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    String name = context.getRequiredTestClass().getSimpleName();
    if (context.getTestMethod().isPresent() || !name.startsWith(prefix)) {
      return ConditionEvaluationResult.enabled("needs no kernels, or has been asked already");
    }
    try (Backends backends = Backends.discover()) {
      String required = System.getProperty(REQUIRE_PROPERTY, "");
      if (List.of(required.split("\\s*,\\s*")).contains(backend)) {
        backends.requireAll(List.of(backend));
      }
      return backends.missing().stream()
          .filter(missing -> missing.name().equals(backend))
          .findFirst()
          .map(missing -> ConditionEvaluationResult.disabled(missing.toString()))
          .orElseGet(() -> ConditionEvaluationResult.enabled("the kernels are there"));
    }
  }
}
