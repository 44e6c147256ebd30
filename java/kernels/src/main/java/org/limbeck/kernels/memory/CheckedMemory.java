// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/**
 * Memory that checks what it is given before a subclass touches it: shapes, devices, liveness,
 * equal types and shapes, overlap. Messages begin with the name of the subclass. Opened for the
 * backends that bring a device.
 */
public abstract class CheckedMemory implements Memory {
  /** For the memory of one device. */
  protected CheckedMemory() {}

  /**
   * Allocates a zeroed, contiguous, 64-byte aligned matrix.
   *
   * @param type the element type
   * @param rows the number of rows, at least 0
   * @param cols the number of columns, at least 0
   * @param bytes what its elements take
   * @throws IllegalStateException if this memory is closed
   * @throws OutOfMemoryError if the device cannot provide the bytes
   */
  protected abstract Matrix allocate(DType type, long rows, long cols, long bytes);

  /** Copies a matrix that is not empty from the host to this device, and waits. */
  protected abstract void uploadElements(Matrix host, Matrix target);

  /** Copies a matrix that is not empty from this device to the host, and waits. */
  protected abstract void downloadElements(Matrix source, Matrix host);

  /** Zeroes the rows of a matrix that is not empty. */
  protected abstract void zeroElements(Matrix target);

  /** Copies a matrix that is not empty into separate memory of this device. */
  protected abstract void copyElements(Matrix source, Matrix target);

  @Override
  public final Matrix matrix(DType type, long rows, long cols) {
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
    return allocate(type, rows, cols, bytes);
  }

  @Override
  public final void upload(Matrix host, Matrix target) {
    checkUsable("upload", "host", host, Device.HOST);
    checkUsable("upload", "target", target, device());
    checkSame("upload", "target", target, "host", host);
    if (target.elements() > 0) {
      uploadElements(host, target);
    }
  }

  @Override
  public final void download(Matrix source, Matrix host) {
    checkUsable("download", "source", source, device());
    checkUsable("download", "host", host, Device.HOST);
    checkSame("download", "host", host, "source", source);
    if (source.elements() > 0) {
      downloadElements(source, host);
    }
  }

  @Override
  public final void zero(Matrix target) {
    checkUsable("zero", "target", target, device());
    if (target.elements() > 0) {
      zeroElements(target);
    }
  }

  @Override
  public final void copy(Matrix source, Matrix target) {
    checkUsable("copy", "source", source, device());
    checkUsable("copy", "target", target, device());
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
    copyElements(source, target);
  }

  private void checkUsable(String operation, String argument, Matrix matrix, Device device) {
    if (!matrix.buffer().device().equals(device)) {
      throw bad(operation, argument, matrix, "a matrix on " + device);
    }
    if (!matrix.buffer().isAlive()) {
      throw new IllegalStateException(
          message(operation, argument, "a closed buffer", "an open one"));
    }
  }

  private void checkSame(
      String operation, String argument, Matrix matrix, String otherArgument, Matrix other) {
    if (matrix.type() != other.type()
        || matrix.rows() != other.rows()
        || matrix.cols() != other.cols()) {
      throw bad(
          operation, argument, matrix, "the type and shape of " + otherArgument + ", " + other);
    }
  }

  private IllegalArgumentException bad(
      String operation, String argument, Object given, String expected) {
    return new IllegalArgumentException(message(operation, argument, given, expected));
  }

  private String message(String operation, String argument, Object given, String expected) {
    String where = getClass().getSimpleName() + "." + operation + ": " + argument;
    return where + ": given " + given + ", expected " + expected;
  }
}
