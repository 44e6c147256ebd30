// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.mkl.global.mkl_rt;
import org.limbeck.bench.peer.Peer;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.bench.peer.PeerUnavailableException;

/** MKL as it comes. */
public final class MklPeer implements Peer {
  private static final String NAME = "mkl";
  private static final int VERSION_BYTES = 256;

  /** Without it MKL ends the process at its first call. */
  private static final String CORE = "/org/bytedeco/mkl/linux-x86_64/libmkl_core.so.2";

  /** For ServiceLoader. */
  public MklPeer() {}

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
    return Cblas.STEMS;
  }

  @Override
  public PeerSession open(int threads) {
    if (MklPeer.class.getResource(CORE) == null) {
      throw new PeerUnavailableException(
          "its libraries are not on the class path; the Maven profile mkl adds them", null);
    }
    try {
      Loader.load(mkl_rt.class);
      mkl_rt.MKL_Set_Num_Threads(threads);
      byte[] version = new byte[VERSION_BYTES];
      mkl_rt.MKL_Get_Version_String(version, version.length);
      String text = new String(version, StandardCharsets.US_ASCII).replace('\0', ' ').trim();
      String path = text + "; code branch " + mkl_rt.MKL_CBWR_Get_Auto_Branch();
      return new Cblas(path, mkl_rt::cblas_sgemm, mkl_rt::cblas_sgemv);
    } catch (LinkageError e) {
      throw Natives.unavailable(e);
    }
  }
}
