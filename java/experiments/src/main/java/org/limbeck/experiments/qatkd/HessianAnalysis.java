// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.limbeck.experiments.report.Progress;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.analysis.HessianSpectrum;
import org.limbeck.training.analysis.PowerIteration;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.distill.LabelHessian;
import org.limbeck.training.nn.Compute;

/**
 * How sharp a student's loss on the labels is: the three leading eigenvalues of its Hessian, for
 * each mini-batch of the first examples of the development set.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 3.1, Fig. 3b, and the authors' released code.
 *
 * @param examples the number of examples
 * @param batch the number of examples of a mini-batch
 * @param spectrum the eigenvalues
 */
record HessianAnalysis(int examples, int batch, HessianSpectrum spectrum) {
  private static final Gson JSON = new GsonBuilder().serializeSpecialFloatingPointValues().create();

  /**
   * Analyses a network.
   *
   * @param limit the greatest number of examples
   * @param batchSize the number of examples of a mini-batch
   */
  static HessianAnalysis of(
      Compute compute,
      BertClassifier network,
      TokenizedTask data,
      int limit,
      int batchSize,
      Progress progress) {
    try (HostMemory host = new HostMemory();
        LabelHessian hessian =
            new LabelHessian(
                compute, network, LabelHessian.PAPER_PENALTY, batchSize, data.length())) {
      Batches batches = data.firstDevBatches(host, limit, batchSize);
      BatchUpload upload = new BatchUpload(compute.memory(), batchSize, data.length());
      HessianSpectrum spectrum =
          HessianSpectrum.of(
              PowerIteration.PAPER,
              hessian.shapes(),
              batches.steps(),
              i -> {
                progress.stepTo(i);
                Batch batch = batches.evaluation(i);
                hessian.at(upload.run(batch), batch.labels());
                return hessian;
              });
      progress.stepTo(batches.steps());
      return new HessianAnalysis(batches.examples(), batchSize, spectrum);
    }
  }

  /** Returns this as JSON. */
  String json() {
    return JSON.toJson(this) + "\n";
  }

  /**
   * Reads what {@link #json} wrote.
   *
   * @throws BadInputException if the file cannot be read, or holds something else
   */
  static HessianAnalysis read(Path file) {
    try {
      HessianAnalysis analysis = JSON.fromJson(Files.readString(file), HessianAnalysis.class);
      if (analysis != null && analysis.spectrum() != null) {
        return analysis;
      }
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    } catch (JsonParseException | NullPointerException e) {
      throw new BadInputException(file + " does not hold eigenvalues of Hessians", e);
    }
    throw new BadInputException(file + " is empty, expected eigenvalues of Hessians");
  }
}
