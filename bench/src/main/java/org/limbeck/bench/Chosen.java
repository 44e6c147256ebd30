// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.cases.StemCases;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/** The backends that a name on the command line stands for. */
final class Chosen {
  /** All but the reference: for each kernel the best that is there. */
  static final String BEST = "best";

  private static final String SEPARATOR = "+";
  private static final String REFERENCE = "scalar";

  private Chosen() {}

  /**
   * Opens the library.
   *
   * @param backend the name of a backend, several with a plus between them, or {@link #BEST}
   * @param threads the number of threads
   * @throws BackendUnavailableException if there is no such backend
   */
  static Limbeck open(String backend, int threads) {
    return Limbeck.open(names(backend), threads);
  }

  private static List<String> names(String backend) {
    if (!backend.equals(BEST)) {
      return List.of(backend.split("\\+"));
    }
    try (Backends all = Backends.discover()) {
      return all.available().stream()
          .filter(b -> b.device().isHost())
          .map(Backend::name)
          .filter(name -> !name.equals(REFERENCE))
          .toList();
    }
  }

  /**
   * Returns the backends whose kernels run a case, such as {@code native} or {@code native+vector}.
   *
   * @param backend as for {@link #open}
   * @param stem the stem
   * @param mode what is run of it
   * @throws BackendUnavailableException if a kernel is missing
   */
  static String used(String backend, StemCases stem, String mode) {
    Noted noted = new Noted();
    Backends backends = Backends.discover().limitTo(names(backend));
    try (Limbeck limbeck = Limbeck.open(WatchedBackend.all(backends, noted), Device.HOST, 1);
        Case small = stem.openSmall(mode)) {
      // Some networks select kernels when they run first.
      small.bind(limbeck).run();
    }
    return backends.available().stream()
        .map(Backend::name)
        .filter(noted.names::contains)
        .collect(Collectors.joining(SEPARATOR));
  }

  private static final class Noted implements WatchedBackend.Watch {
    private final Set<String> names = new LinkedHashSet<>();

    @Override
    public <A> Kernel<A> selected(String backend, Op<?, A> op, Kernel<A> kernel) {
      names.add(backend);
      return kernel;
    }
  }
}
