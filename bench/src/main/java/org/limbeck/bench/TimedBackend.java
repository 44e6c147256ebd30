// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.BackendProvider;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/**
 * A backend whose kernels are another's, each call timed on the thread that made it: two readings
 * of the clock a call, nothing else changes. Meant for the host, where a call returns when the work
 * is done.
 */
final class TimedBackend implements Backend {
  private final Backend timed;
  private final Map<String, Long> nanosByStem;

  private TimedBackend(Backend timed, Map<String, Long> nanosByStem) {
    this.timed = timed;
    this.nanosByStem = nanosByStem;
  }

  /** Makes the provider of an open backend. */
  private record Provider(String name, int rank, Backend backend) implements BackendProvider {
    @Override
    public Attempt open() {
      return new Attempt.Opened(backend);
    }
  }

  /**
   * Wraps open backends.
   *
   * @param backends what to time; closed with the result
   * @param nanosByStem takes the time spent in each stem, which kernels add to
   */
  static Backends all(Backends backends, Map<String, Long> nanosByStem) {
    List<Provider> providers = new ArrayList<>();
    int rank = backends.available().size();
    for (Backend backend : backends.available()) {
      rank--;
      providers.add(new Provider(backend.name(), rank, new TimedBackend(backend, nanosByStem)));
    }
    return Backends.of(providers);
  }

  @Override
  public String name() {
    return timed.name();
  }

  @Override
  public String description() {
    return timed.description();
  }

  @Override
  public Device device() {
    return timed.device();
  }

  @Override
  public Memory newMemory() {
    return timed.newMemory();
  }

  @Override
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    Support<A> support = timed.support(op, spec);
    if (support instanceof Support.Yes<A> yes) {
      Kernel<A> kernel = yes.kernel();
      return new Support.Yes<>(
          (arguments, pool) -> {
            long begin = System.nanoTime();
            kernel.run(arguments, pool);
            nanosByStem.merge(op.stem(), System.nanoTime() - begin, Long::sum);
          });
    }
    return support;
  }

  @Override
  public void close() {
    timed.close();
  }
}
