// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.checkpoint;

import java.nio.file.Path;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter.Entry;
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/** Tensors of a network on their way to and from safetensors files. */
public final class StoredTensors {
  private StoredTensors() {}

  /**
   * Returns a tensor as it is written.
   *
   * @param memory the memory of its device
   * @param staging where it is copied to if that is not the host; open until it was written
   * @param matrix F32 [rows, cols]
   */
  public static Entry entry(Memory memory, HostMemory staging, Matrix matrix) {
    if (memory.device().isHost()) {
      return Entry.of(matrix);
    }
    Matrix host = staging.matrix(DType.F32, matrix.rows(), matrix.cols());
    memory.download(matrix, host);
    return Entry.of(host);
  }

  /**
   * Finds a tensor of a file.
   *
   * @param opened the file
   * @param file its name, for messages
   * @param kind what it should be, such as "a checkpoint", for messages
   * @param name the tensor's name
   * @param target what it will be copied to, whose shape it must have
   * @throws BadInputException if there is no such tensor, or it has another shape
   */
  public static TensorView find(
      SafetensorsFile opened, Path file, String kind, String name, Matrix target) {
    TensorView view = opened.tensors().get(name);
    if (view == null) {
      throw new BadInputException(
          file + " has no tensor " + name + ": it is of another network, or not " + kind);
    }
    if (view.rows() != target.rows() || view.cols() != target.cols()) {
      throw new BadInputException(
          file
              + ": tensor "
              + name
              + " has shape ["
              + view.rows()
              + ", "
              + view.cols()
              + "], expected ["
              + target.rows()
              + ", "
              + target.cols()
              + "]: it is of another network");
    }
    return view;
  }
}
