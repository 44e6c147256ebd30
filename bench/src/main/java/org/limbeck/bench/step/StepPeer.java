// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.List;
import java.util.Map;

/**
 * Another library's training step, to be timed beside Limbeck's; found with ServiceLoader.
 *
 * @param <P> what it computes on
 */
public interface StepPeer<P extends StepProblem> {
  /** Returns what it computes on. */
  Class<P> problem();

  /** Returns the name by which it is asked for. */
  String name();

  /** Returns the settings in which it is timed, each in a process of its own. */
  List<String> settings();

  /**
   * Returns the environment variables of a setting's process. Those of other settings are cleared.
   *
   * @param setting one of {@link #settings}
   * @param threads the number of threads
   */
  Map<String, String> environment(String setting, int threads);

  /**
   * Makes the step, in a process with the setting's environment.
   *
   * @param problem what it computes on
   * @param setting one of {@link #settings}
   * @param threads the number of threads
   * @throws LinkageError if the library cannot be loaded on this platform
   */
  TrainingStep open(P problem, String setting, int threads);
}
