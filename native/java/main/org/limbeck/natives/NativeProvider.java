// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.backend.BackendProvider;

/**
 * Opens the native backend if this artifact holds a library for this platform that can be loaded.
 * Touches no binding before it is.
 */
public final class NativeProvider implements BackendProvider {
  /** The system property that limits the tier: {@code portable}, {@code avx2} or {@code avx512}. */
  public static final String TIER_PROPERTY = "limbeck.native.tier";

  /** The system property that names the cache, into which the library is extracted. */
  public static final String CACHE_PROPERTY = "limbeck.cache";

  /** For the service loader. */
  public NativeProvider() {}

  @Override
  public String name() {
    return "native";
  }

  @Override
  public int rank() {
    return 200;
  }

  @Override
  public Attempt open() {
    try {
      String ceiling = System.getProperty(TIER_PROPERTY, "");
      NativeLibrary library = NativeLibrary.get();
      return new Attempt.Opened(new NativeBackend(Tier.best(library, ceiling)));
    } catch (UnavailableException e) {
      return new Attempt.Absent(e.getMessage(), e.remedy());
    }
  }
}
