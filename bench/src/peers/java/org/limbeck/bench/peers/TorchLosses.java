// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.limbeck.bench.peers.TorchCall.over;

import java.util.List;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.bench.cases.AttentionKlCases;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.PeerCall;

/** The losses of distillation with tensor functions, gradients by autograd. */
final class TorchLosses {
  private static final double TEMPERATURE = 4;
  private static final long SUM = 2;
  private static final double SMALLEST_NORM = 1e-8;

  private TorchLosses() {}

  /** Hinton's loss: kl_div of log_softmax and softmax at a temperature, times its square. */
  static PeerCall softmaxKl(Case work) {
    Tensor student = over(work.of("student"));
    Tensor teacher = over(work.of("teacher"));
    Scalar temperature = new Scalar(TEMPERATURE);
    Scalar factor = new Scalar(TEMPERATURE * TEMPERATURE);
    if (work.mode().startsWith("forward")) {
      return TorchCall.loss(
          () ->
              torch
                  .kl_div(
                      torch.log_softmax(widened(student).div(temperature), 1),
                      torch.softmax(widened(teacher).div(temperature), 1),
                      SUM,
                      false)
                  .mul(factor),
          student);
    }
    return TorchCall.loss(
        () -> {
          Tensor logQ = torch.log_softmax(widened(student).div(temperature), 1);
          Tensor logP = torch.log_softmax(widened(teacher).div(temperature), 1);
          return logQ.exp().mul(logQ.sub(logP)).sum().mul(factor);
        },
        student);
  }

  /** Logits of bfloat16 as floats, in which the softmax of many classes has to be taken. */
  private static Tensor widened(Tensor logits) {
    return logits.to(torch.ScalarType.Float);
  }

  /** The mean over the rows of kl_div between maps, from scores or from queries and keys. */
  static PeerCall attentionKl(Case work) {
    Scalar share = new Scalar(1.0 / work.of("student").rows());
    if (work.mode().equals(AttentionKlCases.FROM_QUERIES)) {
      Tensor query = heads(work, "student_q");
      Tensor key = heads(work, "student_k");
      Tensor teacherQuery = heads(work, "teacher_q");
      Tensor teacherKey = heads(work, "teacher_k");
      return TorchCall.loss(
          () -> mapsKl(scores(query, key), scores(teacherQuery, teacherKey), share),
          List.of(query, key),
          List.of("grad_q", "grad_k"));
    }
    Tensor student = over(work.of("student"));
    Tensor teacher = over(work.of("teacher"));
    return TorchCall.loss(() -> mapsKl(student, teacher, share), student);
  }

  /** Their last dimension is that of the keys. */
  private static Tensor mapsKl(Tensor student, Tensor teacher, Scalar share) {
    return torch
        .kl_div(torch.log_softmax(student, -1), torch.softmax(teacher, -1), SUM, false)
        .mul(share);
  }

  private static Tensor heads(Case work, String name) {
    return over(work.of(name), work.size(0), work.size(2), work.size(1), AttentionKlCases.WIDTH);
  }

  private static Tensor scores(Tensor query, Tensor key) {
    Scalar scale = new Scalar(1 / Math.sqrt(AttentionKlCases.WIDTH));
    return torch.matmul(query.transpose(1, 2), key.transpose(1, 2).transpose(2, 3)).mul(scale);
  }

  static PeerCall mse(Case work) {
    Tensor student = over(work.of("student"));
    Tensor teacher = over(work.of("teacher"));
    return TorchCall.loss(() -> torch.mse_loss(student, teacher), student);
  }

  static PeerCall cosine(Case work) {
    Tensor student = over(work.of("student"));
    Tensor teacher = over(work.of("teacher"));
    Scalar one = new Scalar(1.0);
    return TorchCall.loss(
        () ->
            torch
                .cosine_similarity(student, teacher, 1, SMALLEST_NORM)
                .mul(new Scalar(-1.0))
                .add(one)
                .mean(),
        student);
  }

  /**
   * PET's four classes: confidence c is the largest probability, a that of the gold token; the loss
   * is minus the logarithm of the label's product, summed over the rows.
   */
  static PeerCall petWarmup(Case work) {
    long rows = work.size(0);
    Tensor student = over(work.of("student"));
    Tensor gold = over(work.of("gold"), rows, 1);
    Tensor label = over(work.of("label"), rows, 1);
    Tensor confident = label.remainder(new Scalar(2L)).eq(new Scalar(0L));
    Tensor correct = label.lt(new Scalar(2L));
    LongOptional last = new LongOptional(1);
    return TorchCall.loss(
        () -> {
          Tensor p = torch.softmax(student, 1);
          Tensor top = p.detach().argmax(last, true);
          return binary(p.gather(1, top), confident).add(binary(p.gather(1, gold), correct));
        },
        student);
  }

  /** Binary cross entropy of a column of probabilities, summed. */
  private static Tensor binary(Tensor probability, Tensor target) {
    Tensor other = probability.mul(new Scalar(-1.0)).add(new Scalar(1.0));
    return torch.where(target, probability, other).log().sum().mul(new Scalar(-1.0));
  }
}
