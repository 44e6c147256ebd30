// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * What is measured on a GPU: the calls with their sizes, operations and bytes, and a check of each
 * result in some places against the reference or a sum in double. {@code cuda/bench/peers.py} has
 * the same cases with the same inputs.
 */
final class GpuCases {
  private static final int FLOATS = Float.BYTES;
  private static final float TERNARY_SCALE = 0.04f;

  /** The rows, columns or elements of a product that a check looks at. */
  private static final int SAMPLES = 32;

  /** Makes tensors and the call. */
  @FunctionalInterface
  interface Body {
    Call open(GpuTensors tensors);
  }

  /**
   * What is measured.
   *
   * @param run one call
   * @param check throws if the result of the call is wrong
   */
  record Call(Runnable run, Runnable check) {}

  /**
   * A case.
   *
   * @param stem the stem
   * @param shape its sizes, joined by x
   * @param mode what is run of it
   * @param flops operations of a product; 0 where bytes alone count
   * @param bytes what the contract reads and writes once
   * @param body makes tensors and call
   */
  record Case(String stem, String shape, String mode, double flops, double bytes, Body body) {}

  private GpuCases() {}

  /** Returns all cases, of the sizes for a GPU or of sizes for an emulator. */
  static List<Case> all(boolean tiny) {
    List<Case> cases = new ArrayList<>();
    for (long cols : tiny ? new long[] {37, 1500} : new long[] {32_000, 128_256}) {
      cases.add(softmaxKl(tiny ? 3 : 8192, cols, DType.F32));
      cases.add(softmaxKl(tiny ? 3 : 8192, cols, DType.BF16));
    }
    cases.add(softmax(tiny ? 3 : 8192, tiny ? 100 : 32_000));
    for (long n : tiny ? new long[] {33} : new long[] {4096, 8192}) {
      gemms(cases, n, n, n, false, false);
      gemms(cases, n, n, n, false, true);
    }
    // The gradient of weights of BERT-base by 4,096 rows: few tiles, long sums.
    gemms(cases, tiny ? 33 : 768, tiny ? 20 : 768, tiny ? 2100 : 4096, true, false);
    for (Activations activations : Activations.values()) {
      cases.add(gemmTernary(activations, tiny ? 20 : 9216, tiny ? 300 : 9216));
      cases.add(gemmTernary(activations, tiny ? 9 : 28_672, tiny ? 256 : 8192));
    }
    cases.add(attentionKl(tiny ? 1 : 32, tiny ? 2 : 12, tiny ? 9 : 512));
    long rows = tiny ? 5 : 16_384;
    long cols = tiny ? 70 : 4096;
    cases.add(
        fakeQuant("ternary_twn", FakeQuant.Spec.ternary(FakeQuant.Group.TENSOR, 2), rows, cols));
    cases.add(
        fakeQuant("ternary_twn.row", FakeQuant.Spec.ternary(FakeQuant.Group.ROW, 2), rows, cols));
    cases.add(
        fakeQuant(
            "symmetric8", FakeQuant.Spec.symmetric(8, FakeQuant.Group.TENSOR, 2), rows, cols));
    cases.add(
        fakeQuantBackward(FakeQuant.Spec.symmetric(8, FakeQuant.Group.TENSOR, 2), rows, cols));
    cases.add(layerNorm(tiny ? 5 : 65_536, tiny ? 70 : 1024));
    cases.add(layerNormBackward(tiny ? 5 : 65_536, tiny ? 70 : 1024));
    return cases;
  }

  private static String shape(long... sizes) {
    List<String> texts = new ArrayList<>();
    for (long size : sizes) {
      texts.add(Long.toString(size));
    }
    return String.join("x", texts);
  }

  /** Checks the first and the last row of a result against the reference's of these rows. */
  private static void checkRows(
      GpuTensors t, Matrix result, double relative, LongFunction<float[]> reference) {
    for (long row : new long[] {0, result.rows() - 1}) {
      float[] want = reference.apply(row);
      float[] got = t.fetch(result.rows(row, row + 1));
      double largest = 0;
      for (float value : want) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int c = 0; c < want.length; c++) {
        // Not "greater than", so that NaN fails.
        if (!(Math.abs(got[c] - want[c]) <= relative * largest)) {
          throw new IllegalStateException(
              "element (" + row + ", " + c + ") is " + got[c] + ", the reference has " + want[c]);
        }
      }
    }
  }

  /** Computes a row of a result with the reference. */
  @FunctionalInterface
  private interface ReferenceRow {
    void compute(HostMemory host, long row, Matrix want);
  }

  private static LongFunction<float[]> ofReference(long cols, ReferenceRow body) {
    return row -> {
      try (HostMemory host = new HostMemory()) {
        Matrix want = host.matrix(DType.F32, 1, cols);
        body.compute(host, row, want);
        return want.toFloatArray();
      }
    };
  }

  private static Case softmaxKl(long rows, long cols, DType type) {
    double bytes = 3.0 * rows * cols * type.bytes();
    boolean bf16 = type == DType.BF16;
    return new Case(
        "softmax_kl",
        shape(rows, cols),
        "forward_kl+gradient" + (bf16 ? ".bf16" : ""),
        0,
        bytes,
        t -> {
          SoftmaxKl.Spec spec = SoftmaxKl.Spec.builder().temperature(2).build();
          SoftmaxKl.Spec typed = SoftmaxKl.Spec.builder().temperature(2).logits(type).build();
          Matrix student = t.random(0, type, rows, cols, 4);
          Matrix teacher = t.random(1, type, rows, cols, 4);
          Matrix gradient = t.empty(type, rows, cols);
          Matrix loss = t.empty(DType.F64, 1, 1);
          Operation<?, SoftmaxKl.Arguments> op = t.device().operation(SoftmaxKl.OP, typed);
          SoftmaxKl.Arguments a =
              SoftmaxKl.Arguments.of(student, teacher).gradStudent(gradient).loss(loss).build();
          return new Call(
              () -> op.run(a),
              () ->
                  checkRows(
                      t,
                      gradient,
                      // Beside that half a unit in the last place of bfloat16.
                      bf16 ? 0x1p-8 + 1e-4 : 1e-4,
                      ofReference(
                          cols,
                          (host, row, want) ->
                              t.reference()
                                  .operation(SoftmaxKl.OP, spec)
                                  .run(
                                      SoftmaxKl.Arguments.of(
                                              t.row(host, 0, type, row, cols, 4),
                                              t.row(host, 1, type, row, cols, 4))
                                          .gradStudent(want)
                                          .build()))));
        });
  }

  private static Case softmax(long rows, long cols) {
    return new Case(
        "softmax",
        shape(rows, cols),
        "forward",
        0,
        2.0 * rows * cols * FLOATS,
        t -> {
          Matrix x = t.random(0, rows, cols, 4);
          Matrix y = t.empty(DType.F32, rows, cols);
          Operation<?, Softmax.Forward> op =
              t.device().operation(Softmax.FORWARD, new Softmax.Spec());
          Softmax.Forward a = new Softmax.Forward(x, y);
          return new Call(
              () -> op.run(a),
              () ->
                  checkRows(
                      t,
                      y,
                      1e-4,
                      ofReference(
                          cols,
                          (host, row, want) ->
                              t.reference()
                                  .operation(Softmax.FORWARD, new Softmax.Spec())
                                  .run(new Softmax.Forward(t.row(host, 0, row, cols, 4), want)))));
        });
  }

  /** Adds a product in each precision. */
  private static void gemms(
      List<Case> cases, long m, long n, long k, boolean transA, boolean transB) {
    GemmF32.Spec spec = GemmF32.Spec.of(transA, transB);
    for (Precision precision : Precision.values()) {
      GemmF32.Spec precise = spec.withPrecision(precision);
      cases.add(gemm("gemm_f32", GemmF32.OP, DType.F32, precise, m, n, k));
    }
    cases.add(gemm("gemm_bf16", GemmBf16.OP, DType.BF16, spec, m, n, k));
  }

  private static Case gemm(
      String stem,
      Op<GemmF32.Spec, GemmF32.Arguments> op,
      DType type,
      GemmF32.Spec spec,
      long m,
      long n,
      long k) {
    boolean transA = spec.transA();
    boolean transB = spec.transB();
    boolean tf32 = spec.precision() == Precision.TF32;
    return new Case(
        stem,
        shape(m, n, k),
        (transA ? "t" : "n") + (transB ? "t" : "n") + (tf32 ? ".tf32" : ""),
        2.0 * m * n * k,
        type.bytes() * (double) (m + n) * k + (double) FLOATS * m * n,
        t -> {
          Matrix a = t.random(0, type, transA ? k : m, transA ? m : k, 1);
          Matrix b = t.random(1, type, transB ? n : k, transB ? k : n, 1);
          Matrix c = t.empty(DType.F32, m, n);
          Operation<?, GemmF32.Arguments> product = t.device().operation(op, spec);
          GemmF32.Arguments arguments = GemmF32.Arguments.of(a, b, c);
          return new Call(
              () -> product.run(arguments),
              () -> {
                for (int i = 0; i < SAMPLES; i++) {
                  long row = i * (m - 1) / (SAMPLES - 1);
                  long col = (i * 7L + 3) % n;
                  double want = 0;
                  double magnitude = 0;
                  for (long p = 0; p < k; p++) {
                    double x = t.value(0, type, transA ? p * m + row : row * k + p);
                    double y = t.value(1, type, transB ? col * k + p : p * n + col);
                    want += x * y;
                    magnitude += Math.abs(x * y);
                  }
                  checkElement(t, c, row, col, want, (tf32 ? 1e-3 : 1e-5) * magnitude);
                }
              });
        });
  }

  private static void checkElement(
      GpuTensors t, Matrix c, long row, long col, double want, double bound) {
    float got = t.fetch(c.rows(row, row + 1).columns(col, col + 1))[0];
    if (!(Math.abs(got - want) <= bound)) {
      throw new IllegalStateException(
          "element (" + row + ", " + col + ") is " + got + ", expected " + want);
    }
  }

  private static Case gemmTernary(Activations activations, long n, long k) {
    return new Case(
        "gemm_ternary",
        shape(1, n, k),
        activations == Activations.F32 ? "f32" : "i8_row",
        2.0 * n * k,
        PackedTernary.byteSize(n, k) + (double) (n + k) * FLOATS,
        t -> {
          Matrix x = t.random(0, 1, k, 1);
          PackedTernary weights = t.ternary(1, n, k);
          Matrix scale = t.constant(TERNARY_SCALE);
          Matrix y = t.empty(DType.F32, 1, n);
          Operation<?, GemmTernary.Arguments> op =
              t.device().operation(GemmTernary.OP, new GemmTernary.Spec(activations));
          GemmTernary.Arguments a = GemmTernary.Arguments.of(x, weights, scale, y);
          // A level of an activation is 1/127, and each term of the sum may be half of it off.
          double perTerm = activations == Activations.F32 ? 1e-5 : 0.6 / 127;
          return new Call(
              () -> op.run(a),
              () -> {
                for (int i = 0; i < SAMPLES; i++) {
                  long col = i * (n - 1) / (SAMPLES - 1);
                  double want = 0;
                  for (long j = 0; j < k; j++) {
                    want += GpuTensors.value(0, j) * GpuTensors.code(1, col * k + j);
                  }
                  checkElement(
                      t,
                      y,
                      0,
                      col,
                      want * TERNARY_SCALE,
                      perTerm * Math.sqrt(k) * 4 * TERNARY_SCALE);
                }
              });
        });
  }

  private static Case attentionKl(long batch, long heads, long length) {
    AttentionShape shape = new AttentionShape(batch, heads, length, length);
    return new Case(
        "attention_kl",
        shape(batch, heads, length, length),
        "scores+gradient",
        0,
        3.0 * shape.rows() * length * FLOATS,
        t -> {
          Matrix student = t.random(0, shape.rows(), length, 4);
          Matrix teacher = t.random(1, shape.rows(), length, 4);
          Matrix gradient = t.empty(DType.F32, shape.rows(), length);
          Matrix loss = t.empty(DType.F64, 1, 1);
          Operation<?, AttentionKl.Arguments> op =
              t.device().operation(AttentionKl.OP, AttentionKl.Spec.DEFAULT);
          AttentionKl.Arguments a =
              new AttentionKl.Arguments(shape, student, teacher, null, null, gradient, loss);
          // Of one row alone the loss is not the mean over all of them.
          AttentionKl.Spec one = AttentionKl.Spec.DEFAULT.withScale(1.0 / shape.rows());
          return new Call(
              () -> op.run(a),
              () ->
                  checkRows(
                      t,
                      gradient,
                      1e-4,
                      ofReference(
                          length,
                          (host, row, want) ->
                              t.reference()
                                  .operation(AttentionKl.OP, one)
                                  .run(
                                      new AttentionKl.Arguments(
                                          new AttentionShape(1, 1, 1, length),
                                          t.row(host, 0, row, length, 4),
                                          t.row(host, 1, row, length, 4),
                                          null,
                                          null,
                                          want,
                                          null)))));
        });
  }

  private static Case fakeQuant(String mode, FakeQuant.Spec spec, long rows, long cols) {
    boolean byRow = spec.group().equals(FakeQuant.Group.ROW);
    return new Case(
        "fake_quant",
        shape(rows, cols),
        mode,
        0,
        2.0 * rows * cols * FLOATS,
        t -> {
          Matrix x = t.random(0, rows, cols, 2.5);
          Matrix y = t.empty(DType.F32, rows, cols);
          Operation<?, FakeQuant.Forward> op = t.device().operation(FakeQuant.FORWARD, spec);
          FakeQuant.Forward a = FakeQuant.Forward.of(x, y);
          return new Call(
              () -> op.run(a),
              () -> {
                if (byRow) {
                  checkRows(
                      t,
                      y,
                      1e-5,
                      ofReference(
                          cols,
                          (host, row, want) ->
                              t.reference()
                                  .operation(FakeQuant.FORWARD, spec)
                                  .run(
                                      FakeQuant.Forward.of(t.row(host, 0, row, cols, 2.5), want))));
                } else {
                  checkLevels(t, y, cols);
                }
              });
        });
  }

  /** Checks what needs no statistics of the whole tensor: the sign, and that not all is 0. */
  private static void checkLevels(GpuTensors t, Matrix y, long cols) {
    float[] last = t.fetch(y.rows(y.rows() - 1, y.rows()));
    double sum = 0;
    for (int c = 0; c < cols; c++) {
      double x = 2.5 * GpuTensors.value(0, (y.rows() - 1) * cols + c);
      if (!(last[c] * x >= 0 && Math.abs(last[c]) <= 2.5)) {
        throw new IllegalStateException(
            "element (" + (y.rows() - 1) + ", " + c + ") is " + last[c] + " for " + x);
      }
      sum += Math.abs(last[c]);
    }
    if (sum == 0) {
      throw new IllegalStateException("the last row is 0");
    }
  }

  private static Case fakeQuantBackward(FakeQuant.Spec spec, long rows, long cols) {
    return new Case(
        "fake_quant",
        shape(rows, cols),
        "symmetric8.backward",
        0,
        3.0 * rows * cols * FLOATS,
        t -> {
          Matrix x = t.random(0, rows, cols, 2.5);
          Matrix gradY = t.random(1, rows, cols, 1);
          Matrix gradX = t.empty(DType.F32, rows, cols);
          Operation<?, FakeQuant.Backward> op = t.device().operation(FakeQuant.BACKWARD, spec);
          FakeQuant.Backward a = FakeQuant.Backward.of(x, gradY, gradX);
          return new Call(
              () -> op.run(a),
              () ->
                  checkRows(
                      t,
                      gradX,
                      0,
                      row -> {
                        float[] want = new float[(int) cols];
                        for (int c = 0; c < cols; c++) {
                          double value = 2.5f * GpuTensors.value(0, row * cols + c);
                          want[c] =
                              Math.abs(value) < spec.clip()
                                  ? GpuTensors.value(1, row * cols + c)
                                  : 0;
                        }
                        return want;
                      }));
        });
  }

  private static Case layerNorm(long rows, long cols) {
    return new Case(
        "layer_norm",
        shape(rows, cols),
        "forward",
        0,
        2.0 * rows * cols * FLOATS,
        t -> {
          Matrix x = t.random(0, rows, cols, 2);
          Matrix gamma = t.random(2, 1, cols, 1);
          Matrix beta = t.random(3, 1, cols, 1);
          Matrix y = t.empty(DType.F32, rows, cols);
          Matrix mean = t.empty(DType.F32, 1, rows);
          Matrix rstd = t.empty(DType.F32, 1, rows);
          LayerNorm.Spec spec = new LayerNorm.Spec(1e-5);
          Operation<?, LayerNorm.Forward> op = t.device().operation(LayerNorm.FORWARD, spec);
          LayerNorm.Forward a = new LayerNorm.Forward(x, gamma, beta, y, mean, rstd);
          return new Call(
              () -> op.run(a),
              () ->
                  checkRows(
                      t,
                      y,
                      1e-5,
                      ofReference(
                          cols,
                          (host, row, want) ->
                              t.reference()
                                  .operation(LayerNorm.FORWARD, spec)
                                  .run(
                                      new LayerNorm.Forward(
                                          t.row(host, 0, row, cols, 2),
                                          t.row(host, 2, 0, cols, 1),
                                          t.row(host, 3, 0, cols, 1),
                                          want,
                                          host.matrix(DType.F32, 1, 1),
                                          host.matrix(DType.F32, 1, 1))))));
        });
  }

  private static Case layerNormBackward(long rows, long cols) {
    return new Case(
        "layer_norm",
        shape(rows, cols),
        "backward",
        0,
        3.0 * rows * cols * FLOATS,
        t -> {
          Matrix x = t.random(0, rows, cols, 2);
          Matrix gradY = t.random(1, rows, cols, 1);
          Matrix gamma = t.random(2, 1, cols, 1);
          Matrix beta = t.random(3, 1, cols, 1);
          Matrix mean = t.empty(DType.F32, 1, rows);
          Matrix rstd = t.empty(DType.F32, 1, rows);
          Matrix gradX = t.empty(DType.F32, rows, cols);
          LayerNorm.Spec spec = new LayerNorm.Spec(1e-5);
          // The forward writes the statistics; its result goes where the gradient comes later.
          t.device()
              .operation(LayerNorm.FORWARD, spec)
              .run(new LayerNorm.Forward(x, gamma, beta, gradX, mean, rstd));
          Operation<?, LayerNorm.Backward> op = t.device().operation(LayerNorm.BACKWARD, spec);
          LayerNorm.Backward a =
              new LayerNorm.Backward(
                  x,
                  gamma,
                  mean,
                  rstd,
                  gradY,
                  gradX,
                  t.empty(DType.F32, 1, cols),
                  t.empty(DType.F32, 1, cols));
          return new Call(
              () -> op.run(a),
              () ->
                  checkRows(
                      t, gradX, 1e-4, row -> layerNormGradient(t.reference(), spec, t, row, cols)));
        });
  }

  private static float[] layerNormGradient(
      Limbeck reference, LayerNorm.Spec spec, GpuTensors t, long row, long cols) {
    try (HostMemory host = new HostMemory()) {
      Matrix x = t.row(host, 0, row, cols, 2);
      Matrix gamma = t.row(host, 2, 0, cols, 1);
      Matrix mean = host.matrix(DType.F32, 1, 1);
      Matrix rstd = host.matrix(DType.F32, 1, 1);
      Matrix out = host.matrix(DType.F32, 1, cols);
      reference
          .operation(LayerNorm.FORWARD, spec)
          .run(new LayerNorm.Forward(x, gamma, t.row(host, 3, 0, cols, 1), out, mean, rstd));
      reference
          .operation(LayerNorm.BACKWARD, spec)
          .run(
              new LayerNorm.Backward(
                  x,
                  gamma,
                  mean,
                  rstd,
                  t.row(host, 1, row, cols, 1),
                  out,
                  host.matrix(DType.F32, 1, cols),
                  host.matrix(DType.F32, 1, cols)));
      return out.toFloatArray();
    }
  }
}
