// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.nio.file.Path;
import org.limbeck.experiments.run.OutputDirectory;

/** Where a run keeps its networks, in folders made when they are asked for. */
final class Folders {
  static final String TEACHERS = "teachers";
  static final String STUDENTS = "students";

  private Folders() {}

  /** Returns the folder of a task's teacher. */
  static Path teacher(OutputDirectory out, String task) {
    return out.folder(TEACHERS, task);
  }

  /** Returns the folder of a student. */
  static Path student(OutputDirectory out, String task, String losses, long seed) {
    return out.folder(STUDENTS, task, fileName(losses), "seed-" + seed);
  }

  /** Returns a configuration's name as a file's name. */
  static String fileName(String losses) {
    return losses.replace("^2", "-squared").replace('@', '-').replace('*', 'x').replace(':', '-');
  }
}
