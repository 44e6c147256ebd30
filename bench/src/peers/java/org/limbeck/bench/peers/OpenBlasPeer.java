// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.limbeck.bench.peer.Peer;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.bench.peer.PeerUnavailableException;

/** OpenBLAS, by its own detection of the processor and held to its AVX-512 core. */
public final class OpenBlasPeer implements Peer {
  private static final String NAME = "openblas";
  private static final String LIBRARY = "libopenblas_nolapack.so.0";

  /**
   * Its threads wait for the next call in a loop, for up to 2^28 ticks of the clock: ours had to
   * wait for them between all pairs. Calls that follow each other at once, as those that are timed,
   * find them awake after 2^22 ticks too.
   */
  private static final Map<String, String> SHORT_WAITS = Map.of("OPENBLAS_THREAD_TIMEOUT", "22");

  /** For ServiceLoader. */
  public OpenBlasPeer() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<Setting> settings() {
    List<Setting> settings = new ArrayList<>();
    settings.add(new Setting(NAME, SHORT_WAITS));
    if (Natives.hasCpuFlag("avx512f")) {
      Map<String, String> held = new HashMap<>(SHORT_WAITS);
      held.put("OPENBLAS_CORETYPE", "SkylakeX");
      settings.add(new Setting(NAME + "-avx512", Map.copyOf(held)));
    }
    return settings;
  }

  @Override
  public List<String> stems() {
    return Cblas.STEMS;
  }

  @Override
  public PeerSession open(int threads) {
    try {
      Path binding = Path.of(Loader.load(openblas_nolapack.class));
      // The binding leaves out what OpenBLAS adds to BLAS.
      SymbolLookup symbols =
          SymbolLookup.libraryLookup(binding.resolveSibling(LIBRARY), Arena.global());
      Linker linker = Linker.nativeLinker();
      linker
          .downcallHandle(
              symbols.find("openblas_set_num_threads").orElseThrow(),
              FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
          .invokeExact(threads);
      String path = text(linker, symbols, "openblas_get_config");
      return new Cblas(path, openblas_nolapack::cblas_sgemm, openblas_nolapack::cblas_sgemv);
    } catch (LinkageError e) {
      throw Natives.unavailable(e);
    } catch (Throwable e) {
      throw new PeerUnavailableException(e.toString(), e);
    }
  }

  private static String text(Linker linker, SymbolLookup symbols, String function)
      throws Throwable {
    MemorySegment text =
        (MemorySegment)
            linker
                .downcallHandle(
                    symbols.find(function).orElseThrow(),
                    FunctionDescriptor.of(ValueLayout.ADDRESS))
                .invokeExact();
    return text.reinterpret(Long.MAX_VALUE).getString(0).trim();
  }
}
