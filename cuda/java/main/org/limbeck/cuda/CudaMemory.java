// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.memory.CheckedMemory;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Matrix;

/**
 * Memory of a device. Copies to and from the host wait for what is queued; zeros and copies on the
 * device are queued themselves.
 */
final class CudaMemory extends CheckedMemory {
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
  protected synchronized Matrix allocate(DType type, long rows, long cols, long bytes) {
    if (closed) {
      throw new IllegalStateException(
          "CudaMemory.matrix: given a closed memory, expected an open one");
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
  protected void uploadElements(Matrix host, Matrix target) {
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

  @Override
  protected void downloadElements(Matrix source, Matrix host) {
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

  @Override
  protected void zeroElements(Matrix target) {
    context
        .driver()
        .zero(address(target), pitch(target), width(target, target), height(target, target));
  }

  @Override
  protected void copyElements(Matrix source, Matrix target) {
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
