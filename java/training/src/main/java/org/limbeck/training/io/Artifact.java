// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.nio.file.Path;

/**
 * A jar that Maven can fetch.
 *
 * @param group its group id
 * @param name its artifact id
 * @param version its version
 * @param megabytes its size in units of 1,000,000 bytes, for messages
 */
record Artifact(String group, String name, String version, int megabytes) {
  /** Returns {@code group:name:version}. */
  String coordinates() {
    return group + ":" + name + ":" + version;
  }

  /** Returns the jar's name. */
  String fileName() {
    return name + "-" + version + ".jar";
  }

  /** Returns the jar's place in a Maven repository. */
  Path repositoryPath() {
    return Path.of(group.replace('.', '/'), name, version, fileName());
  }
}
