// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.BackendProvider;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/** A backend whose kernels are seen, and may be replaced, as they are selected. */
final class WatchedBackend implements Backend {
  /** What is done with a kernel when it is selected. */
  @FunctionalInterface
  interface Watch {
    /**
     * Sees a kernel.
     *
     * @param backend the name of its backend
     * @param op the operation
     * @param kernel the kernel
     * @return what runs in its place, or the kernel itself
     */
    <A> Kernel<A> selected(String backend, Op<?, A> op, Kernel<A> kernel);
  }

  private final Backend watched;
  private final Watch watch;

  private WatchedBackend(Backend watched, Watch watch) {
    this.watched = watched;
    this.watch = watch;
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
   * @param backends what to watch; closed with the result
   * @param watch sees their kernels
   */
  static Backends all(Backends backends, Watch watch) {
    List<Provider> providers = new ArrayList<>();
    int rank = backends.available().size();
    for (Backend backend : backends.available()) {
      rank--;
      providers.add(new Provider(backend.name(), rank, new WatchedBackend(backend, watch)));
    }
    return Backends.of(providers);
  }

  @Override
  public String name() {
    return watched.name();
  }

  @Override
  public String description() {
    return watched.description();
  }

  @Override
  public Device device() {
    return watched.device();
  }

  @Override
  public Memory newMemory() {
    return watched.newMemory();
  }

  @Override
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    Support<A> support = watched.support(op, spec);
    return support instanceof Support.Yes<A> yes
        ? new Support.Yes<>(watch.selected(name(), op, yes.kernel()))
        : support;
  }

  @Override
  public void close() {
    watched.close();
  }
}
