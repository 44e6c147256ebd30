// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Relu;

/** A backend that offers relu alone, as the module of another backend would bring it. */
record FakeBackend(String name, Device device) implements Backend {
  @Override
  public String description() {
    return "a backend of a test";
  }

  @Override
  public Memory newMemory() {
    return new HostMemory();
  }

  @Override
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    return new KernelTable()
        .add(Relu.FORWARD, s -> (arguments, pool) -> arguments.y().setFloat(0, 0, 42))
        .support(op, spec);
  }

  /** Its provider; {@code absent} gives a reason in place of the backend. */
  record Provider(String name, int rank, Device device, String absent) implements BackendProvider {
    static Provider host(String name, int rank) {
      return new Provider(name, rank, Device.HOST, null);
    }

    @Override
    public Attempt open() {
      return absent == null
          ? new Attempt.Opened(new FakeBackend(name, device))
          : new Attempt.Absent(absent, "install it");
    }
  }
}
