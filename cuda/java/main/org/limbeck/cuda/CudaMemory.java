// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/**
 * Memory of a device. Copies to and from the host wait for what is queued; zeros and copies on the
 * device are queued themselves.
 */
final class CudaMemory implements Memory {
  private final Context context;
  private final List<CudaBuffer> buffers = new ArrayList<>();
  private boolean closed;

  CudaMemory(Context context) {
    this.context = context;
  }

  @Override
  public Device device() {
    return context.device();
  }

  @Override
  public synchronized Matrix matrix(DType type, long rows, long cols) {
    if (closed) {
      throw new IllegalStateException(
          "CudaMemory.matrix: given a closed memory, expected an open one");
    }
    if (rows < 0 || cols < 0) {
      throw bad("matrix", "shape", "[" + rows + ", " + cols + "]", "sizes of 0 or more");
    }
    long bytes;
    try {
      bytes = Math.multiplyExact(Math.multiplyExact(rows, cols), type.bytes());
    } catch (ArithmeticException e) {
      throw bad(
          "matrix", "shape", "[" + rows + ", " + cols + "] of " + type, "at most 2^63 - 1 bytes");
    }
    long address =
        context.allocator().require(bytes, type + " [" + rows + ", " + cols + "] on " + device());
    CudaBuffer buffer = new CudaBuffer(device(), address, bytes);
    buffers.add(buffer);
    Matrix matrix = Matrix.of(buffer, type, rows, cols);
    zero(matrix);
    return matrix;
  }

  @Override
  public void upload(Matrix host, Matrix target) {
    checkHost("upload", "host", host);
    checkUsable("upload", "target", target);
    checkSame("upload", "target", target, "host", host);
    if (target.elements() > 0) {
      context
          .driver()
          .upload(
              bytesOf(host),
              pitch(host),
              address(target),
              pitch(target),
              width(host, target),
              height(host, target));
    }
  }

  @Override
  public void download(Matrix source, Matrix host) {
    checkUsable("download", "source", source);
    checkHost("download", "host", host);
    checkSame("download", "host", host, "source", source);
    if (source.elements() > 0) {
      context
          .driver()
          .download(
              address(source),
              pitch(source),
              bytesOf(host),
              pitch(host),
              width(source, host),
              height(source, host));
    }
  }

  @Override
  public void zero(Matrix target) {
    checkUsable("zero", "target", target);
    if (target.elements() > 0) {
      context
          .driver()
          .zero(address(target), pitch(target), width(target, target), height(target, target));
    }
  }

  @Override
  public void copy(Matrix source, Matrix target) {
    checkUsable("copy", "source", source);
    checkUsable("copy", "target", target);
    checkSame("copy", "target", target, "source", source);
    if (target.sameView(source) || target.elements() == 0) {
      return;
    }
    if (target.overlaps(source)) {
      throw bad(
          "copy",
          "target",
          "memory that overlaps source in part",
          "exactly the same view or separate memory");
    }
    context
        .driver()
        .copy(
            address(source),
            pitch(source),
            address(target),
            pitch(target),
            width(source, target),
            height(source, target));
  }

  private static long address(Matrix m) {
    return m.buffer().address() + m.offsetBytes();
  }

  private static MemorySegment bytesOf(Matrix host) {
    return host.segment().asSlice(host.offsetBytes());
  }

  private static long pitch(Matrix m) {
    return m.rowStrideBytes();
  }

  /** Matrices without gaps are one row. */
  private static long width(Matrix a, Matrix b) {
    boolean one = a.isContiguous() && b.isContiguous();
    return (one ? a.elements() : a.cols()) * a.type().bytes();
  }

  private static long height(Matrix a, Matrix b) {
    return a.isContiguous() && b.isContiguous() ? 1 : a.rows();
  }

  private static void checkHost(String operation, String argument, Matrix matrix) {
    if (!matrix.buffer().device().isHost()) {
      throw bad(operation, argument, matrix, "a matrix on " + Device.HOST);
    }
    checkAlive(operation, argument, matrix);
  }

  private void checkUsable(String operation, String argument, Matrix matrix) {
    if (!matrix.buffer().device().equals(device())) {
      throw bad(operation, argument, matrix, "a matrix on " + device());
    }
    checkAlive(operation, argument, matrix);
  }

  private static void checkAlive(String operation, String argument, Matrix matrix) {
    if (!matrix.buffer().isAlive()) {
      throw new IllegalStateException(
          "CudaMemory."
              + operation
              + ": "
              + argument
              + ": given a closed buffer, expected an open one");
    }
  }

  private static void checkSame(
      String operation, String argument, Matrix matrix, String otherArgument, Matrix other) {
    if (matrix.type() != other.type()
        || matrix.rows() != other.rows()
        || matrix.cols() != other.cols()) {
      throw bad(
          operation, argument, matrix, "the type and shape of " + otherArgument + ", " + other);
    }
  }

  private static IllegalArgumentException bad(
      String operation, String argument, Object given, String expected) {
    return new IllegalArgumentException(
        "CudaMemory."
            + operation
            + ": "
            + argument
            + ": given "
            + given
            + ", expected "
            + expected);
  }

  @Override
  public synchronized void close() {
    closed = true;
    for (CudaBuffer buffer : buffers) {
      buffer.kill();
      context.allocator().free(buffer.address(), buffer.byteSize());
    }
    buffers.clear();
  }
}
