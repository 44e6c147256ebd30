// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/** Work of libtorch: tensor functions, and where gradients are wanted its autograd. */
final class TorchCall implements PeerCall {
  /** What a name begins with whose gradient is added to the values of the case. */
  private static final String ADDED = "+";

  /** Computes tensors; the name of each is that of the case's result. */
  @FunctionalInterface
  interface Computation {
    Map<String, Tensor> get();
  }

  private final boolean withGradients;
  private final Computation computation;

  private TorchCall(boolean withGradients, Computation computation) {
    this.withGradients = withGradients;
    this.computation = computation;
  }

  /** Computes without gradients. */
  static TorchCall plain(Computation computation) {
    return new TorchCall(false, computation);
  }

  /** Computes one tensor without gradients. */
  static TorchCall plain(String name, Supplier<Tensor> computation) {
    return plain(() -> Map.of(name, computation.get()));
  }

  /**
   * Computes a loss and its gradient, the graph built anew each time.
   *
   * @param loss the loss, a scalar
   * @param leaf what it is differentiated by
   */
  static TorchCall loss(Supplier<Tensor> loss, Tensor leaf) {
    return loss(loss, List.of(leaf), List.of("gradient"));
  }

  /**
   * Computes a loss and its gradients, the graph built anew each time.
   *
   * @param loss the loss, a scalar
   * @param leaves what it is differentiated by
   * @param names the results, one for each leaf
   */
  static TorchCall loss(Supplier<Tensor> loss, List<Tensor> leaves, List<String> names) {
    leaves.forEach(leaf -> leaf.set_requires_grad(true));
    TensorVector inputs = new TensorVector(leaves.toArray(Tensor[]::new));
    return new TorchCall(
        true,
        () -> {
          Tensor value = loss.get();
          TensorVector found = torch.grad(new TensorVector(value), inputs);
          Map<String, Tensor> results = named(names, found);
          results.put("loss", value);
          return results;
        });
  }

  private static Map<String, Tensor> named(List<String> names, TensorVector tensors) {
    Map<String, Tensor> results = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      results.put(names.get(i), tensors.get(i));
    }
    return results;
  }

  /**
   * Runs the backward of a graph that is built once.
   *
   * @param forward builds the graph
   * @param gradient the gradient by its output
   * @param leaves what to differentiate by
   * @param names the results, one for each leaf; with + before it one that adds to the case's
   */
  static TorchCall backward(
      Supplier<Tensor> forward, Tensor gradient, List<Tensor> leaves, List<String> names) {
    leaves.forEach(leaf -> leaf.set_requires_grad(true));
    Tensor output = forward.get();
    TensorVector outputs = new TensorVector(output);
    TensorVector inputs = new TensorVector(leaves.toArray(Tensor[]::new));
    TensorVector gradients = new TensorVector(gradient);
    BoolOptional keepGraph = new BoolOptional(true);
    return new TorchCall(
        true,
        () -> {
          return named(names, torch.grad(outputs, inputs, gradients, keepGraph, false, false));
        });
  }

  /** Returns a tensor over the memory of a matrix, in another shape of as many elements. */
  static Tensor over(Matrix matrix, long... shape) {
    return torch.from_blob(
        Natives.pointer(matrix),
        shape,
        new TensorOptions(
            switch (matrix.type()) {
              case I64 -> torch.ScalarType.Long;
              case BF16 -> torch.ScalarType.BFloat16;
              default -> torch.ScalarType.Float;
            }));
  }

  /** Returns a tensor over the memory of a matrix. */
  static Tensor over(Matrix matrix) {
    return over(matrix, matrix.rows(), matrix.cols());
  }

  @Override
  public void run() {
    try (PointerScope temporaries = new PointerScope();
        AutoGradMode mode = new AutoGradMode(withGradients)) {
      computation.get();
    }
  }

  @Override
  public Set<String> store(Case results) {
    Set<String> names = new LinkedHashSet<>();
    try (PointerScope temporaries = new PointerScope();
        AutoGradMode mode = new AutoGradMode(withGradients)) {
      computation
          .get()
          .forEach(
              (name, tensor) -> {
                boolean added = name.startsWith(ADDED);
                String plain = added ? name.substring(1) : name;
                copy(tensor, results.of(plain), added);
                names.add(plain);
              });
    }
    return names;
  }

  private static void copy(Tensor tensor, Matrix target, boolean added) {
    Tensor dense = tensor.detach().to(torch.ScalarType.Float).contiguous();
    FloatPointer from = new FloatPointer(dense.data_ptr());
    for (long r = 0; r < target.rows(); r++) {
      for (long c = 0; c < target.cols(); c++) {
        float value = from.get(r * target.cols() + c);
        if (target.type() == DType.F64) {
          target.setDouble(r, c, value);
        } else if (target.type() == DType.BF16) {
          target.setBfloat16(r, c, value);
        } else {
          target.setFloat(r, c, added ? target.getFloat(r, c) + value : value);
        }
      }
    }
  }

  @Override
  public void close() {}
}
