// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;

/** Says which code of libtorch and of the BLAS under it runs. */
final class TorchCodePath {
  private static final long LONGEST = 4096;

  private TorchCodePath() {}

  /** Returns it in one line without commas. */
  static String describe() {
    String config = torch.show_config().getString();
    return String.join(
            "; ",
            "libtorch " + find(config, "TORCH_VERSION=([^,\\s]+)"),
            "capability " + find(config, "capability usage: (\\S+)"),
            "oneDNN " + find(config, "MKL-DNN v(\\S+)"),
            "threads "
                + find(torch.get_parallel_info().getString(), "get_num_threads\\(\\) : (\\d+)"),
            openBlas().strip())
        .replace(',', ' ');
  }

  private static String find(String text, String pattern) {
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    return matcher.find() ? matcher.group(1) : "unknown";
  }

  /** Asks the copy of OpenBLAS that this process has loaded; the bindings do not have the call. */
  private static String openBlas() {
    Path library;
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      library =
          maps.map(line -> line.substring(line.indexOf('/') + 1))
              .filter(file -> file.contains("libopenblas"))
              .map(file -> Path.of("/" + file))
              .findFirst()
              .orElse(null);
    } catch (IOException e) {
      return "BLAS unknown: " + e.getMessage();
    }
    if (library == null) {
      return "no OpenBLAS loaded";
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment function =
          SymbolLookup.libraryLookup(library, arena).find("openblas_get_config").orElseThrow();
      FunctionDescriptor text = FunctionDescriptor.of(ValueLayout.ADDRESS);
      MemorySegment config =
          (MemorySegment) Linker.nativeLinker().downcallHandle(function, text).invokeExact();
      return config.reinterpret(LONGEST).getString(0);
    } catch (Throwable e) {
      throw new IllegalStateException(library + ": openblas_get_config failed", e);
    }
  }
}
