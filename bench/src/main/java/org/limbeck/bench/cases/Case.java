// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.lang.foreign.MemorySegment;
import java.lang.ref.SoftReference;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongUnaryOperator;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.Philox;

/** Tensors of one stem, shape and mode with the call on them and what the call has to do. */
public final class Case implements AutoCloseable {
  /** Random values repeat after so many: a prime, so that no two rows are the same. */
  private static final int PERIOD = 1_000_003;

  private static final Map<List<Object>, SoftReference<byte[]>> PERIODS = new ConcurrentHashMap<>();

  /** What a tensor is to the call. */
  private enum Role {
    INPUT,
    /** Read and written; a check begins from a copy. */
    STATE,
    OUTPUT,
    /** Written before the call that is measured, or not compared. */
    SCRATCH
  }

  /** Whether a call on some rows alone sees a part of a tensor. */
  public enum Part {
    /** The same rows. */
    ROWS,
    /** The columns of these numbers: a transposed operand. */
    COLUMNS,
    /** All of it. */
    WHOLE
  }

  private record Tensor(Matrix matrix, Role role, Part part, double absolute, double relative) {
    Tensor with(Matrix other) {
      return new Tensor(other, role, part, absolute, relative);
    }
  }

  /** Makes what is measured: kernels are selected once, and a call allocates nothing. */
  @FunctionalInterface
  public interface Call {
    /**
     * Selects kernels.
     *
     * @param limbeck the library
     * @param tensors the tensors by name
     * @return one call
     */
    Runnable bind(Limbeck limbeck, Case tensors);
  }

  private final String stem;
  private final String shape;
  private final String mode;
  private final long[] size;
  private final HostMemory memory;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private Call call;
  private Work work;
  private long rows;
  private long resident;
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();
  private int stream;

  Case(String stem, String mode, long[] size) {
    this(stem, mode, size, new HostMemory());
  }

  private Case(String stem, String mode, long[] size, HostMemory memory) {
    this.stem = stem;
    this.mode = mode;
    this.size = size.clone();
    this.shape = Shapes.text(size);
    this.memory = memory;
  }

  /**
   * Adds a tensor of values between -range and range: never a denormal, which would be slow. Bytes
   * are all there are, whatever the range.
   */
  Case random(String name, DType type, long rowCount, long cols, double range, Part part) {
    return add(name, filled(type, rowCount, cols, range), Role.INPUT, part, 0, 0);
  }

  /** Adds a random F32 tensor. */
  Case random(String name, long rowCount, long cols, double range, Part part) {
    return random(name, DType.F32, rowCount, cols, range, part);
  }

  /** Adds a random F32 tensor that a part sees whole. */
  Case random(String name, long rowCount, long cols, double range) {
    return random(name, rowCount, cols, range, Part.WHOLE);
  }

  /** Adds a single number, as a matrix. */
  Case constant(String name, float value) {
    Matrix one = memory.matrix(DType.F32, 1, 1);
    one.setFloat(0, 0, value);
    return add(name, one, Role.INPUT, Part.WHOLE, 0, 0);
  }

  /** Adds packed weights of -1, 0 and 1, the bytes of a {@code PackedTernary}. */
  Case ternary(String name, long rowCount, long cols) {
    Matrix bytes = TernaryBytes.random(memory, stream++, rowCount, cols);
    return add(name, bytes, Role.INPUT, Part.WHOLE, 0, 0);
  }

  /** Adds values that the call also writes. */
  Case state(String name, long rowCount, long cols, double range, double absolute) {
    Matrix values = filled(DType.F32, rowCount, cols, range);
    return add(name, values, Role.STATE, Part.WHOLE, absolute, 0);
  }

  /** Adds a vector of indices. */
  Case indices(String name, long count, LongUnaryOperator index) {
    Matrix vector = memory.vector(DType.I64, count);
    for (long i = 0; i < count; i++) {
      vector.setLong(0, i, index.applyAsLong(i));
    }
    return add(name, vector, Role.INPUT, Part.COLUMNS, 0, 0);
  }

  /** Adds an output and how far it may be from the reference's. */
  Case output(String name, long rowCount, long cols, double absolute, Part part) {
    return add(name, memory.matrix(DType.F32, rowCount, cols), Role.OUTPUT, part, absolute, 1e-5);
  }

  /** Adds an output of bfloat16, which may be off by a unit in the last place beside that. */
  Case rounded(String name, long rowCount, long cols, double absolute, Part part) {
    Matrix matrix = memory.matrix(DType.BF16, rowCount, cols);
    return add(name, matrix, Role.OUTPUT, part, absolute, 0x1p-7);
  }

  /** Adds an output of exact integers. */
  Case sums(String name, long rowCount, long cols, Part part) {
    return add(name, memory.matrix(DType.I32, rowCount, cols), Role.OUTPUT, part, 0, 0);
  }

  /** Adds the sum of a loss. */
  Case loss() {
    return add("loss", memory.matrix(DType.F64, 1, 1), Role.OUTPUT, Part.WHOLE, 1e-9, 2e-5);
  }

  /** Adds memory that is not compared. */
  Case scratch(String name, long rowCount, long cols, Part part) {
    return add(name, memory.matrix(DType.F32, rowCount, cols), Role.SCRATCH, part, 0, 0);
  }

  private Case add(
      String name, Matrix matrix, Role role, Part part, double absolute, double relative) {
    tensors.put(name, new Tensor(matrix, role, part, absolute, relative));
    return this;
  }

  /** Sets what a call must do. */
  Case work(Work value) {
    work = value;
    return this;
  }

  /** Adds memory that a call reads beside the tensors, such as the weights of a network. */
  Case resident(long bytes) {
    resident = bytes;
    return this;
  }

  /** Keeps what a binding opened until the case is closed. */
  <T extends AutoCloseable> T own(T opened) {
    owned.push(opened);
    return opened;
  }

  /** Says that rows do not depend on each other, so that some of them can be checked alone. */
  Case rowsAlone(long count) {
    rows = count;
    return this;
  }

  /** Sets the call. */
  Case call(Call value) {
    call = value;
    return this;
  }

  private Matrix filled(DType type, long rowCount, long cols, double range) {
    Matrix m = memory.matrix(type, rowCount, cols);
    byte[] period =
        rowCount * cols < PERIOD
            ? randomBytes(type, range, (int) (rowCount * cols))
            : period(type, range);
    TernaryBytes.repeat(MemorySegment.ofArray(period), m);
    stream++;
    return m;
  }

  /** Returns the values that repeat: large cases of a process have them in common. */
  private byte[] period(DType type, double range) {
    List<Object> key = List.of(type, range, stream);
    SoftReference<byte[]> kept = PERIODS.get(key);
    byte[] bytes = kept == null ? null : kept.get();
    if (bytes == null) {
      bytes = randomBytes(type, range, PERIOD);
      PERIODS.put(key, new SoftReference<>(bytes));
    }
    return bytes;
  }

  private byte[] randomBytes(DType type, double range, int count) {
    try (HostMemory scratch = new HostMemory()) {
      Matrix period = scratch.matrix(type, 1, count);
      for (int i = 0; i < count; i++) {
        int word = Philox.word(7, stream, i / 4, i % 4);
        float value = (float) (word * 0x1p-31 * range);
        switch (type) {
          case I8 -> period.setByte(0, i, (byte) word);
          case BF16 -> period.setBfloat16(0, i, value);
          default -> period.setFloat(0, i, value);
        }
      }
      byte[] bytes = new byte[(int) (count * type.bytes())];
      MemorySegment.copy(
          period.segment(), period.offsetBytes(), MemorySegment.ofArray(bytes), 0, bytes.length);
      return bytes;
    }
  }

  /** Returns the stem. */
  public String stem() {
    return stem;
  }

  /** Returns the shape, such as 512x30522. */
  public String shape() {
    return shape;
  }

  /** Returns a size of the shape. */
  public long size(int index) {
    return size[index];
  }

  /** Returns what is run of the stem. */
  public String mode() {
    return mode;
  }

  /** Returns what one call must do. */
  public Work work() {
    return work;
  }

  /** Returns a tensor. */
  public Matrix of(String name) {
    return tensors.get(name).matrix;
  }

  /** Returns the bytes that a call goes through. */
  public long footprint() {
    return resident
        + tensors.values().stream()
            .mapToLong(t -> t.matrix.elements() * t.matrix.type().bytes())
            .sum();
  }

  /** Returns one call on these tensors. */
  public Runnable bind(Limbeck limbeck) {
    return call.bind(limbeck, this);
  }

  /** Returns the same inputs with other memory for all that is written; closed by itself. */
  public Case twin() {
    Case twin = new Case(stem, mode, size);
    twin.call = call;
    twin.work = work;
    twin.rows = rows;
    twin.resident = resident;
    tensors.forEach((name, t) -> twin.tensors.put(name, t.with(twin.ownCopy(t.matrix, t.role))));
    return twin;
  }

  private Matrix ownCopy(Matrix matrix, Role role) {
    if (role == Role.INPUT) {
      return matrix;
    }
    Matrix copy = memory.matrix(matrix.type(), matrix.rows(), matrix.cols());
    if (role == Role.STATE) {
      copy.copyFrom(matrix);
    }
    return copy;
  }

  /** Returns the number of rows that can be checked alone; 0 if they depend on each other. */
  public long rows() {
    return rows;
  }

  /** Returns views of some rows; what holds sums over rows is no longer compared. */
  private Case part(long from, long to) {
    Case part = new Case(stem, mode, size, memory);
    part.call = call;
    part.work = work;
    tensors.forEach(
        (name, t) -> {
          Matrix m = t.matrix;
          part.tensors.put(
              name,
              switch (t.part) {
                case ROWS -> t.with(m.rows(from, to));
                case COLUMNS -> t.with(m.columns(from, to));
                case WHOLE ->
                    t.role == Role.INPUT
                        ? t
                        : new Tensor(m, Role.SCRATCH, t.part, t.absolute, t.relative);
              });
        });
    return part;
  }

  /**
   * Compares results with the reference's, which are computed on the same inputs: all of them, or
   * where a shape is large and rows are independent, some rows.
   *
   * @param limbeck what is measured; runs once
   * @param reference the scalar backend
   * @param all whether to compare everything
   * @throws DifferenceException if a result is too far off
   */
  public void check(Limbeck limbeck, Limbeck reference, boolean all) {
    try (Case got = twin()) {
      got.bind(limbeck).run();
      List<long[]> ranges = new ArrayList<>();
      if (all) {
        ranges.add(null);
      } else if (rows > 0) {
        ranges.add(new long[] {rows - 1, rows});
        if (rows > 1) {
          ranges.add(new long[] {rows / 2 - 1, rows / 2});
        }
      }
      for (long[] range : ranges) {
        try (Case want = range == null ? twin() : part(range[0], range[1]).twin()) {
          want.bind(reference).run();
          Case seen = range == null ? got : got.part(range[0], range[1]);
          seen.compare(want, seen.tensors.keySet(), "the reference", 1);
        }
      }
    }
  }

  /**
   * Compares outputs.
   *
   * @param want what they should be
   * @param names which to compare; what is no result is passed over
   * @param whose whose results those are, for the message
   * @param slack the factor of the tolerances
   * @throws DifferenceException if one is too far off
   */
  public void compare(Case want, Set<String> names, String whose, double slack) {
    tensors.forEach(
        (name, t) -> {
          if ((t.role == Role.OUTPUT || t.role == Role.STATE) && names.contains(name)) {
            compare(name, t, want.of(name), whose, slack);
          }
        });
  }

  private void compare(String name, Tensor t, Matrix want, String whose, double slack) {
    for (long r = 0; r < want.rows(); r++) {
      for (long c = 0; c < want.cols(); c++) {
        double g = number(t.matrix, r, c);
        double w = number(want, r, c);
        double allowed = slack * (t.absolute + t.relative * Math.abs(w));
        if (!(Math.abs(g - w) <= allowed)) {
          throw new DifferenceException(
              String.format(
                  Locale.ROOT,
                  "%s %s %s: %s[%d, %d] is %s, %s gives %s, allowed is a difference of %.3g",
                  stem,
                  shape,
                  mode,
                  name,
                  r,
                  c,
                  g,
                  whose,
                  w,
                  allowed));
        }
      }
    }
  }

  private static double number(Matrix m, long r, long c) {
    return switch (m.type()) {
      case F64 -> m.getDouble(r, c);
      case I32 -> m.getInt(r, c);
      case BF16 -> m.getBfloat16(r, c);
      default -> m.getFloat(r, c);
    };
  }

  /** Frees the memory of the tensors. */
  @Override
  public void close() {
    try {
      while (!owned.isEmpty()) {
        owned.pop().close();
      }
    } catch (Exception e) {
      throw new IllegalStateException("what a case opened could not be closed", e);
    } finally {
      memory.close();
    }
  }
}
