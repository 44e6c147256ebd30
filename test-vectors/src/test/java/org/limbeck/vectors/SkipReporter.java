// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;

/**
 * Prints one line for each test that is skipped, with the reason: the build's own output only
 * counts them. Found by the test runner of every module that has these tests' jar on its class
 * path.
 */
public final class SkipReporter implements TestExecutionListener {
  /** For the service loader. */
  public SkipReporter() {}

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    if (result.getStatus() == Status.ABORTED) {
      print(test, result.getThrowable().map(Throwable::getMessage).orElse("no reason given"));
    }
  }

  @Override
  public void executionSkipped(TestIdentifier test, String reason) {
    print(test, reason);
  }

  private static void print(TestIdentifier test, String reason) {
    System.out.println("skipped: " + test.getLegacyReportingName() + ": " + reason);
  }
}
