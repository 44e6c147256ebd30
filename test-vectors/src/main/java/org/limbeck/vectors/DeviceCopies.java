// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.kernels.memory.Buffer;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * Copies of tensors on a device: whole buffers, so that views of one buffer overlap there as they
 * do here, and what lies between strided rows comes back as the kernel left it.
 */
final class DeviceCopies implements AutoCloseable {
  private final Memory memory;
  private final Map<Buffer, Matrix> there = new IdentityHashMap<>();

  DeviceCopies(Memory memory) {
    this.memory = memory;
  }

  /**
   * Returns arguments of an operation with copies of all their tensors.
   *
   * @param arguments a record
   */
  @SuppressWarnings("unchecked") // a record of the same class
  <A> A of(A arguments) {
    return (A) copy(arguments);
  }

  private Object copy(Object value) {
    if (value instanceof Matrix m) {
      return new Matrix(
          bytes(m.buffer()).buffer(), m.type(), m.offsetBytes(), m.rows(), m.cols(), m.rowStride());
    }
    if (value instanceof PackedTernary p) {
      Matrix m = p.bytes();
      return PackedTernary.of(bytes(m.buffer()).buffer(), m.offsetBytes(), p.rows(), p.cols());
    }
    if (value instanceof List<?> list) {
      List<Object> copies = new ArrayList<>();
      list.forEach(element -> copies.add(copy(element)));
      return copies;
    }
    return value instanceof Record r ? copyRecord(r) : value;
  }

  private Object copyRecord(Record value) {
    RecordComponent[] components = value.getClass().getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Object[] copies = new Object[components.length];
    boolean changed = false;
    try {
      for (int i = 0; i < components.length; i++) {
        types[i] = components[i].getType();
        Object component = components[i].getAccessor().invoke(value);
        copies[i] = copy(component);
        changed |= copies[i] != component;
      }
      return changed ? value.getClass().getDeclaredConstructor(types).newInstance(copies) : value;
    } catch (InvocationTargetException e) {
      throw new IllegalStateException("a copy of " + value + " cannot be made", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("a copy of " + value + " cannot be made", e);
    }
  }

  private Matrix bytes(Buffer host) {
    return there.computeIfAbsent(
        host,
        buffer -> {
          Matrix copy = memory.matrix(DType.U8, 1, buffer.byteSize());
          memory.upload(whole(buffer), copy);
          return copy;
        });
  }

  private static Matrix whole(Buffer host) {
    return Matrix.of(host, DType.U8, 1, host.byteSize());
  }

  /** Copies all buffers back, but those that cannot be written, such as a file's. */
  void download() {
    there.forEach(
        (host, copy) -> {
          Matrix target = whole(host);
          if (!target.segment().isReadOnly()) {
            memory.download(copy, target);
          }
        });
  }

  /** Frees the copies. */
  @Override
  public void close() {
    memory.close();
  }
}
