// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.DeviceBuffer;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Relu;
import org.limbeck.kernels.op.Softmax;

/** How backends are found, chosen, explained, limited and required. */
class BackendsTest {
  private static final Device GPU = new Device("cuda", 0);

  @Test
  void theBestThatSupportsAnOperationIsChosenAndTheOthersExplained() {
    Backends backends =
        Backends.of(
            List.of(
                FakeBackend.Provider.host("low", 1),
                FakeBackend.Provider.host("high", 9),
                new FakeBackend.Provider("cuda", 20, GPU, null),
                new FakeBackend.Provider("broken", 30, Device.HOST, "its library is missing")));
    Selection<Elementwise.Forward> relu =
        backends.select(Relu.FORWARD, new Relu.Spec(), Device.HOST);
    assertEquals("high", relu.backend());
    String explanation = relu.explain();
    assertTrue(explanation.startsWith("relu.forward runs on high"), explanation);
    assertTrue(explanation.contains("not broken: its library is missing"), explanation);
    assertTrue(explanation.contains("not cuda: works on cuda:0, not on host"), explanation);
    assertTrue(explanation.contains("not native: its module is not on the"), explanation);
    var e =
        assertThrows(
            BackendUnavailableException.class,
            () -> backends.select(Softmax.FORWARD, new Softmax.Spec(), Device.HOST));
    assertTrue(e.getMessage().contains("high: has no kernel for softmax.forward"), e.getMessage());
    assertEquals("cuda", backends.select(Relu.FORWARD, new Relu.Spec(), GPU).backend());
    var onGpu =
        assertThrows(
            BackendUnavailableException.class,
            () -> backends.select(Softmax.FORWARD, new Softmax.Spec(), GPU));
    assertEquals(
        "no backend can run softmax.forward on cuda:0: cuda: has no kernel for softmax.forward",
        onGpu.getMessage());
  }

  @Test
  void aBackendAskedForByNameIsNeverReplaced() {
    Backends backends = Backends.discover();
    assertEquals(
        List.of("scalar"),
        backends.limitTo(List.of("scalar")).available().stream().map(Backend::name).toList());
    var e =
        assertThrows(
            BackendUnavailableException.class, () -> backends.limitTo(List.of("scalar", "native")));
    assertTrue(e.getMessage().contains("native"), e.getMessage());
    assertTrue(e.getMessage().contains("limbeck-native"), e.getMessage());
    assertThrows(BackendUnavailableException.class, () -> backends.limitTo(List.of("no-such")));
  }

  @Test
  void theReferenceIsTheLastEntry() {
    List<Backend> available = Backends.discover().available();
    assertEquals("scalar", available.get(available.size() - 1).name());
  }

  @Test
  void aDeviceMatrixIsRefusedOnTheHostAndTheOtherWayRound() {
    try (Limbeck limbeck = Limbeck.open(List.of("scalar"), 1);
        HostMemory memory = new HostMemory();
        Limbeck gpu =
            Limbeck.open(
                Backends.of(List.of(new FakeBackend.Provider("cuda", 1, GPU, null))), GPU, 1)) {
      Matrix host = memory.matrix(DType.F32, 1, 2);
      Matrix device = Matrix.of(new FakeDeviceBuffer(), DType.F32, 1, 2);
      var relu = limbeck.operation(Relu.FORWARD, new Relu.Spec());
      var e =
          assertThrows(
              InvalidArgumentException.class,
              () -> relu.run(new Elementwise.Forward(host, device)));
      assertEquals(
          "relu.forward: y: given F32 [1, 2] on cuda:0, expected a matrix on host", e.getMessage());
      var onGpu = gpu.operation(Relu.FORWARD, new Relu.Spec());
      assertThrows(
          InvalidArgumentException.class, () -> onGpu.run(new Elementwise.Forward(host, host)));
      assertThrows(IllegalStateException.class, device::segment);
    }
    assertThrows(
        BackendUnavailableException.class, () -> Limbeck.open(Backends.discover(), GPU, 1));
  }

  /** Not in the middle of a run, after data were prepared and folders made. */
  @Test
  void aDeviceThatCannotBeWorkedOnIsRefusedAtOnce() {
    BackendUnavailableException busy = new BackendUnavailableException("cuda: the device is busy");
    BackendProvider provider =
        new BackendProvider() {
          @Override
          public String name() {
            return "cuda";
          }

          @Override
          public int rank() {
            return 1;
          }

          @Override
          public Attempt open() {
            return new Attempt.Opened(new BusyBackend(busy));
          }
        };
    Backends backends = Backends.of(List.of(provider));
    assertSame(
        busy,
        assertThrows(BackendUnavailableException.class, () -> Limbeck.open(backends, GPU, 1)));
  }

  private record BusyBackend(BackendUnavailableException why) implements Backend {
    @Override
    public String name() {
      return "cuda";
    }

    @Override
    public String description() {
      return "a device that another process has for itself";
    }

    @Override
    public Device device() {
      return GPU;
    }

    @Override
    public Memory newMemory() {
      throw why;
    }

    @Override
    public <S, A> Support<A> support(Op<S, A> op, S spec) {
      throw why;
    }
  }

  @Test
  void aClosedLibraryIsRefused() {
    try (HostMemory memory = new HostMemory()) {
      Limbeck limbeck = Limbeck.open(List.of("scalar"), 2);
      var relu = limbeck.operation(Relu.FORWARD, new Relu.Spec());
      limbeck.close();
      Matrix x = memory.matrix(DType.F32, 1, 2);
      assertThrows(
          IllegalStateException.class,
          () -> relu.run(new Elementwise.Forward(x, memory.matrix(DType.F32, 1, 2))));
    }
  }

  private static final class FakeDeviceBuffer extends DeviceBuffer {
    @Override
    public Device device() {
      return GPU;
    }

    @Override
    public long byteSize() {
      return 8;
    }

    @Override
    public boolean isAlive() {
      return true;
    }

    @Override
    public long address() {
      return 4096;
    }
  }
}
