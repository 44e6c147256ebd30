// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.bench.peer.Peer;
import org.limbeck.bench.peer.PeerSession;

/** libtorch as it comes, and with glibc told to keep its memory. */
public final class TorchPeer implements Peer {
  private static final String NAME = "torch";

  private static final Pattern VERSION = Pattern.compile("TORCH_VERSION=([0-9.]+)");

  /** As it comes, each large tensor is new memory of the system, and pays its page faults. */
  private static final Map<String, String> MEMORY_KEPT =
      Map.of(
          "MALLOC_MMAP_MAX_",
          "0",
          "MALLOC_TRIM_THRESHOLD_",
          "12000000000",
          "MALLOC_TOP_PAD_",
          "268435456");

  /** For ServiceLoader. */
  public TorchPeer() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<Setting> settings() {
    return List.of(new Setting(NAME, Map.of()), new Setting(NAME + "-memory-kept", MEMORY_KEPT));
  }

  @Override
  public List<String> stems() {
    return TorchSession.STEMS;
  }

  @Override
  public PeerSession open(int threads) {
    try {
      Loader.load(torch.class);
      torch.set_num_threads(threads);
      // The build's settings name the version among many other things.
      Matcher version = VERSION.matcher(torch.show_config().getString());
      return new TorchSession(
          "libtorch"
              + (version.find() ? " " + version.group(1) : "")
              + "; "
              + torch.get_cpu_capability().getString());
    } catch (LinkageError e) {
      throw Natives.unavailable(e);
    }
  }
}
