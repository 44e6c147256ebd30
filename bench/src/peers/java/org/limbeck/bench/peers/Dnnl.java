// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/**
 * Primitives of oneDNN: products of the types of their operands, the rest in binary32. Weights of a
 * product are brought into oneDNN's own layout once, before the measurement, as its users do; where
 * both operands change at each call (TN, the gradient of a weight) they are used as they lie.
 */
final class Dnnl implements PeerSession {
  static final List<String> STEMS =
      List.of("gemm_f32", "gemm_bf16", "gemm_i8", "softmax", "layer_norm", "gelu", "relu", "tanh");

  private static final float BERT_EPSILON = 1e-12f;

  private final String path;
  private final dnnl_engine engine = new dnnl_engine();
  private final dnnl_stream stream = new dnnl_stream();

  Dnnl(String path) {
    this.path = path;
    check(dnnl_engine_create(engine, dnnl_cpu, 0));
    check(dnnl_stream_create(stream, engine, dnnl_stream_default_flags));
  }

  @Override
  public String path() {
    return path;
  }

  private static void check(int status) {
    if (status != dnnl_success) {
      throw new IllegalStateException("oneDNN answered with status " + status);
    }
  }

  @Override
  public Optional<PeerCall> call(Case work) {
    Call call = new Call();
    try {
      switch (work.stem()) {
        case "gemm_f32", "gemm_bf16", "gemm_i8" -> {
          if (work.mode().endsWith("+scales")) {
            // It has a scale for each column, and none for each row.
            call.close();
            return Optional.empty();
          }
          matmul(call, work);
        }
        case "softmax" -> softmax(call, work);
        case "layer_norm" -> layerNorm(call, work);
        case "gelu" -> eltwise(call, work, dnnl_eltwise_gelu_erf);
        case "relu" -> eltwise(call, work, dnnl_eltwise_relu);
        case "tanh" -> eltwise(call, work, dnnl_eltwise_tanh);
        default -> {
          call.close();
          return Optional.empty();
        }
      }
      return Optional.of(call);
    } catch (RuntimeException e) {
      call.close();
      throw e;
    }
  }

  private static dnnl_memory_desc dense(long rows, long cols) {
    return strided(dnnl_f32, rows, cols, cols, 1);
  }

  private static dnnl_memory_desc strided(
      int type, long rows, long cols, long rowStride, long colStride) {
    dnnl_memory_desc desc = new dnnl_memory_desc();
    check(
        dnnl_memory_desc_create_with_strides(
            desc, 2, new long[] {rows, cols}, type, new long[] {rowStride, colStride}));
    return desc;
  }

  private static int type(Matrix matrix) {
    return switch (matrix.type()) {
      case F32 -> dnnl_f32;
      case BF16 -> dnnl_bf16;
      case I8 -> dnnl_s8;
      case I32 -> dnnl_s32;
      default -> throw new IllegalStateException("oneDNN is not given " + matrix.type());
    };
  }

  private static dnnl_memory_desc vector(long length) {
    dnnl_memory_desc desc = new dnnl_memory_desc();
    check(
        dnnl_memory_desc_create_with_strides(
            desc, 1, new long[] {length}, dnnl_f32, new long[] {1}));
    return desc;
  }

  private void matmul(Call call, Case work) {
    long m = work.size(0);
    long n = work.size(1);
    long k = work.size(2);
    boolean transA = work.mode().charAt(0) == 'T';
    boolean transB = work.mode().charAt(1) == 'T';
    boolean epilogue = work.mode().length() > 2;
    int factors = type(work.of("a"));
    DType sums = work.of("c").type();
    dnnl_memory_desc a = strided(factors, m, k, transA ? 1 : k, transA ? m : 1);
    dnnl_memory_desc b = strided(factors, k, n, transB ? 1 : n, transB ? k : 1);
    dnnl_memory_desc c = strided(type(work.of("c")), m, n, n, 1);
    dnnl_memory_desc weights = b;
    if (!transA) {
      weights = new dnnl_memory_desc();
      check(
          dnnl_memory_desc_create_with_tag(
              weights, 2, new long[] {k, n}, factors, dnnl_format_tag_any));
    }
    dnnl_primitive_attr attributes = new dnnl_primitive_attr();
    check(dnnl_primitive_attr_create(attributes));
    if (epilogue) {
      dnnl_post_ops after = new dnnl_post_ops();
      check(dnnl_post_ops_create(after));
      check(dnnl_post_ops_append_eltwise(after, dnnl_eltwise_gelu_erf, 0, 0));
      check(dnnl_primitive_attr_set_post_ops(attributes, after));
    }
    dnnl_memory_desc bias = epilogue ? dense(1, n) : null;
    dnnl_primitive_desc chosen = new dnnl_primitive_desc();
    check(dnnl_matmul_primitive_desc_create(chosen, engine, a, weights, bias, c, attributes));
    call.input(DNNL_ARG_SRC, a, work.of("a"));
    if (transA) {
      call.input(DNNL_ARG_WEIGHTS, b, work.of("b"));
    } else {
      call.add(
          DNNL_ARG_WEIGHTS,
          call.reordered(
              b, work.of("b"), dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0)));
    }
    if (epilogue) {
      call.input(DNNL_ARG_BIAS, bias, work.of("bias"));
    }
    call.output(DNNL_ARG_DST, c, "c", sums, m, n);
    call.primitive(chosen);
  }

  private void eltwise(Call call, Case work, int algorithm) {
    long rows = work.size(0);
    long cols = work.size(1);
    dnnl_memory_desc shape = dense(rows, cols);
    dnnl_primitive_desc forward = new dnnl_primitive_desc();
    check(
        dnnl_eltwise_forward_primitive_desc_create(
            forward, engine, dnnl_forward_training, algorithm, shape, shape, 0, 0, null));
    call.input(DNNL_ARG_SRC, shape, work.of("x"));
    if (work.mode().equals("forward")) {
      call.output(DNNL_ARG_DST, shape, "y", rows, cols);
      call.primitive(forward);
      return;
    }
    dnnl_primitive_desc backward = new dnnl_primitive_desc();
    check(
        dnnl_eltwise_backward_primitive_desc_create(
            backward, engine, algorithm, shape, shape, shape, 0, 0, forward, null));
    call.input(DNNL_ARG_DIFF_DST, shape, work.of("grad_y"));
    call.output(DNNL_ARG_DIFF_SRC, shape, "grad_x", rows, cols);
    call.primitive(backward);
  }

  private void softmax(Call call, Case work) {
    long rows = work.size(0);
    long cols = work.size(1);
    dnnl_memory_desc shape = dense(rows, cols);
    dnnl_primitive_desc forward = new dnnl_primitive_desc();
    check(
        dnnl_softmax_forward_primitive_desc_create(
            forward, engine, dnnl_forward_training, dnnl_softmax_accurate, shape, shape, 1, null));
    if (work.mode().equals("forward")) {
      call.input(DNNL_ARG_SRC, shape, work.of("x"));
      call.output(DNNL_ARG_DST, shape, "y", rows, cols);
      call.primitive(forward);
      return;
    }
    dnnl_primitive_desc backward = new dnnl_primitive_desc();
    check(
        dnnl_softmax_backward_primitive_desc_create(
            backward, engine, dnnl_softmax_accurate, shape, shape, shape, 1, forward, null));
    Matrix y = call.allocate(rows, cols);
    try (Call before = new Call()) {
      before.input(DNNL_ARG_SRC, shape, work.of("x"));
      before.input(DNNL_ARG_DST, shape, y);
      before.primitive(forward);
      before.run();
    }
    call.input(DNNL_ARG_DST, shape, y);
    call.input(DNNL_ARG_DIFF_DST, shape, work.of("grad_y"));
    call.output(DNNL_ARG_DIFF_SRC, shape, "grad_x", rows, cols);
    call.primitive(backward);
  }

  private void layerNorm(Call call, Case work) {
    long rows = work.size(0);
    long cols = work.size(1);
    dnnl_memory_desc shape = dense(rows, cols);
    dnnl_memory_desc scale = vector(cols);
    dnnl_memory_desc statistics = vector(rows);
    int flags = dnnl_use_scale | dnnl_use_shift;
    dnnl_primitive_desc forward = new dnnl_primitive_desc();
    check(
        dnnl_layer_normalization_forward_primitive_desc_create(
            forward,
            engine,
            dnnl_forward_training,
            shape,
            shape,
            statistics,
            BERT_EPSILON,
            flags,
            null));
    Matrix mean = call.allocate(1, rows);
    Matrix variance = call.allocate(1, rows);
    call.input(DNNL_ARG_SRC, shape, work.of("x"));
    call.input(DNNL_ARG_SCALE, scale, work.of("gamma"));
    call.input(DNNL_ARG_MEAN, statistics, mean);
    call.input(DNNL_ARG_VARIANCE, statistics, variance);
    if (work.mode().equals("forward")) {
      call.input(DNNL_ARG_SHIFT, scale, work.of("beta"));
      call.output(DNNL_ARG_DST, shape, "y", rows, cols);
      call.primitive(forward);
      return;
    }
    dnnl_primitive_desc backward = new dnnl_primitive_desc();
    check(
        dnnl_layer_normalization_backward_primitive_desc_create(
            backward,
            engine,
            dnnl_backward,
            shape,
            shape,
            shape,
            statistics,
            BERT_EPSILON,
            flags,
            forward,
            null));
    try (Call before = new Call()) {
      before.arguments.putAll(call.arguments);
      before.input(DNNL_ARG_SHIFT, scale, work.of("beta"));
      before.output(DNNL_ARG_DST, shape, "y", rows, cols);
      before.primitive(forward);
      before.run();
    }
    call.input(DNNL_ARG_DIFF_DST, shape, work.of("grad_y"));
    call.output(DNNL_ARG_DIFF_SRC, shape, "grad_x", rows, cols);
    // Its sums begin at 0, those of a case where they are: only the gradient is compared.
    call.input(DNNL_ARG_DIFF_SCALE, scale, call.allocate(1, cols));
    call.input(DNNL_ARG_DIFF_SHIFT, scale, call.allocate(1, cols));
    call.primitive(backward);
  }

  /** A primitive with its arguments. */
  private final class Call implements PeerCall {
    private final HostMemory memory = new HostMemory();
    private final Map<Integer, dnnl_memory> arguments = new LinkedHashMap<>();
    private final Map<String, Matrix> outputs = new LinkedHashMap<>();
    private final List<dnnl_memory> own = new ArrayList<>();
    private final dnnl_primitive primitive = new dnnl_primitive();
    private dnnl_exec_arg_t list;
    private String implementation = "";

    Matrix allocate(long rows, long cols) {
      return memory.matrix(DType.F32, rows, cols);
    }

    private dnnl_memory wrap(dnnl_memory_desc desc, Matrix matrix) {
      dnnl_memory wrapped = new dnnl_memory();
      check(dnnl_memory_create(wrapped, desc, engine, Natives.pointer(matrix)));
      own.add(wrapped);
      return wrapped;
    }

    void input(int argument, dnnl_memory_desc desc, Matrix matrix) {
      add(argument, wrap(desc, matrix));
    }

    void output(int argument, dnnl_memory_desc desc, String name, long rows, long cols) {
      output(argument, desc, name, DType.F32, rows, cols);
    }

    void output(
        int argument, dnnl_memory_desc desc, String name, DType type, long rows, long cols) {
      Matrix matrix = memory.matrix(type, rows, cols);
      outputs.put(name, matrix);
      input(argument, desc, matrix);
    }

    void add(int argument, dnnl_memory value) {
      arguments.put(argument, value);
    }

    /** Returns a copy in another layout. */
    dnnl_memory reordered(dnnl_memory_desc from, Matrix matrix, dnnl_memory_desc to) {
      long bytes = dnnl_memory_desc_get_size(to);
      dnnl_memory target = wrap(to, memory.matrix(DType.U8, 1, bytes));
      dnnl_primitive_desc desc = new dnnl_primitive_desc();
      check(dnnl_reorder_primitive_desc_create(desc, from, engine, to, engine, null));
      try (Call reorder = new Call()) {
        reorder.input(DNNL_ARG_FROM, from, matrix);
        reorder.add(DNNL_ARG_TO, target);
        reorder.primitive(desc);
        reorder.run();
      }
      return target;
    }

    /** Makes the primitive; arguments come before. */
    void primitive(dnnl_primitive_desc desc) {
      check(dnnl_primitive_create(primitive, desc));
      list = new dnnl_exec_arg_t(arguments.size());
      int i = 0;
      for (Map.Entry<Integer, dnnl_memory> entry : arguments.entrySet()) {
        list.getPointer(i++).arg(entry.getKey()).memory(entry.getValue());
      }
      try (PointerPointer<BytePointer> text = new PointerPointer<>(1)) {
        if (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, text) == dnnl_success) {
          implementation = text.get(BytePointer.class).getString();
        }
      }
    }

    @Override
    public String path() {
      return implementation;
    }

    @Override
    public void run() {
      check(dnnl_primitive_execute(primitive, stream, arguments.size(), list));
      check(dnnl_stream_wait(stream));
    }

    @Override
    public Set<String> store(Case results) {
      run();
      outputs.forEach((name, matrix) -> results.of(name).copyFrom(matrix));
      return outputs.keySet();
    }

    @Override
    public void close() {
      own.forEach(m -> dnnl_memory_destroy(m));
      if (!primitive.isNull()) {
        dnnl_primitive_destroy(primitive);
      }
      memory.close();
    }
  }

  @Override
  public void close() {
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
  }
}
