// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.limbeck.vectors.stems.StemAdapters;

/** All built-in golden vectors on one backend; what it does not offer, the reference serves. */
public abstract class GoldenContract {
  private final String backend;

  /** Tests a backend by its name. */
  protected GoldenContract(String backend) {
    this.backend = backend;
  }

  @TestFactory
  Stream<DynamicContainer> everyCasePasses() {
    return VectorCatalog.builtIn().stream()
        .map(
            file ->
                DynamicContainer.dynamicContainer(
                    file.name(),
                    file.cases().stream().map(c -> DynamicTest.dynamicTest(c.id(), () -> run(c)))));
  }

  private void run(VectorCase vectorCase) {
    try (OperationRunner runner = OperationRunner.open(backend, 1)) {
      CaseResult result = new CaseRunner(runner, StemAdapters::find).run(vectorCase);
      assertEquals(CaseResult.Outcome.PASSED, result.outcome(), result.message());
    }
  }
}
