// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.limbeck.bench.peer.PeerUnavailableException;
import org.limbeck.kernels.memory.Matrix;

/** What the bindings of all peers need. */
final class Natives {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private Natives() {}

  private static final class At extends Pointer {
    At(long address) {
      this.address = address;
    }
  }

  /** Returns a pointer to the first element of a matrix, whose memory stays the caller's. */
  static Pointer pointer(Matrix matrix) {
    return new At(matrix.buffer().address() + matrix.offsetBytes());
  }

  /** Returns {@link #pointer} of an F32 matrix. */
  static FloatPointer floats(Matrix matrix) {
    return new FloatPointer(pointer(matrix));
  }

  /** Returns whether Linux lists an instruction set. */
  static boolean hasCpuFlag(String flag) {
    if (!Files.isReadable(CPU_INFO)) {
      return false;
    }
    try (Stream<String> lines = Files.lines(CPU_INFO)) {
      return lines.anyMatch(line -> line.startsWith("flags") && line.contains(" " + flag + " "));
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns the exception of a library that the loader refused. */
  static PeerUnavailableException unavailable(LinkageError e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message = String.valueOf(root.getMessage()).replaceAll("\\s+", " ");
    return new PeerUnavailableException(message, e);
  }
}
