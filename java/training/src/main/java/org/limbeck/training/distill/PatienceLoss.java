// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Cosine;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.SequenceBatch;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TranslationBatch;

/** The hidden states of a student against its teacher's, encoder and decoder. */
final class PatienceLoss implements AutoCloseable {
  /** The encoder's and the decoder's part, of which the loss is the mean. */
  private static final int SIDES = 2;

  private final Compute compute;
  private final TranslationLosses losses;
  private final List<PatienceMapping.Pair> encoder;
  private final List<PatienceMapping.Pair> decoder;
  private final HostMemory host = new HostMemory();
  private final Matrix device;
  private final Matrix read;

  PatienceLoss(
      Compute compute,
      TranslationLosses losses,
      TransformerConfig student,
      TransformerConfig teacher) {
    this.compute = compute;
    this.losses = losses;
    if (student.encoder().width() != teacher.encoder().width()
        || student.decoder().width() != teacher.decoder().width()) {
      throw new IllegalArgumentException(
          "PatienceLoss: given a teacher of widths "
              + teacher.encoder().width()
              + " and "
              + teacher.decoder().width()
              + ", expected the student's, "
              + student.encoder().width()
              + " and "
              + student.decoder().width());
    }
    encoder = losses.mapping().pairs(student.encoder().layers(), teacher.encoder().layers());
    decoder = losses.mapping().pairs(student.decoder().layers(), teacher.decoder().layers());
    int count = encoder.size() + decoder.size();
    device = compute.memory().vector(DType.F64, count);
    read = host.vector(DType.F64, count);
  }

  /**
   * Computes the loss, and writes its gradients where the student's backward adds them.
   *
   * @param student the student's pass, before its backward
   * @param teacher the teacher's pass over the same batch
   */
  void apply(TranslationBatch batch, Activations student, Activations teacher) {
    int at = 0;
    for (PatienceMapping.Pair pair : encoder) {
      compare(
          student.encoderState(pair.student()),
          teacher.encoderState(pair.teacher()),
          student.injectEncoder(pair.student()),
          batch.source(),
          encoder.size(),
          at++);
    }
    for (PatienceMapping.Pair pair : decoder) {
      compare(
          student.decoderState(pair.student()),
          teacher.decoderState(pair.teacher()),
          student.injectDecoder(pair.student()),
          batch.target(),
          decoder.size(),
          at++);
    }
  }

  /** Returns the loss of the last pass, its factor included; waits for the device. */
  double read() {
    compute.memory().download(device, read);
    double sum = 0;
    for (int i = 0; i < read.cols(); i++) {
      sum += read.getDouble(0, i);
    }
    return sum;
  }

  private void compare(
      Matrix student, Matrix teacher, Matrix gradient, SequenceBatch batch, int pairs, int at) {
    PatiencePositions positions = losses.positions();
    // The squared distance of normalised rows, over columns, positions, layers and sides.
    double elements = (double) positions.count(batch) * student.cols() * pairs * SIDES;
    Cosine.Spec spec =
        new Cosine.Spec(Cosine.Mode.NORMALISED_MSE, Normaliser.of(elements / losses.beta()));
    compute
        .operation(Cosine.OP, spec)
        .run(
            new RowLoss.Arguments(
                student,
                teacher,
                positions.weights(batch),
                gradient,
                null,
                device.columns(at, at + 1)));
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    host.close();
  }
}
