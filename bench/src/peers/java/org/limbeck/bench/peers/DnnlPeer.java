// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.limbeck.bench.peer.Peer;
import org.limbeck.bench.peer.PeerSession;

/** oneDNN with the best instruction set that it finds. */
public final class DnnlPeer implements Peer {
  private static final String NAME = "onednn";

  /** For ServiceLoader. */
  public DnnlPeer() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<Setting> settings() {
    return List.of(new Setting(NAME, Map.of()));
  }

  @Override
  public List<String> stems() {
    return Dnnl.STEMS;
  }

  @Override
  public PeerSession open(int threads) {
    try {
      Loader.load(dnnl.class);
      dnnl_version_t version = dnnl.dnnl_version();
      return new Dnnl(
          "oneDNN "
              + version.major()
              + "."
              + version.minor()
              + "."
              + version.patch()
              + "; "
              + dnnl.get_effective_cpu_isa());
    } catch (LinkageError e) {
      throw Natives.unavailable(e);
    }
  }
}
