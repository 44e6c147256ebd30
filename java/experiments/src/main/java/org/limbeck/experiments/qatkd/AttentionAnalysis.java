// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.analysis.CoverLengthRatio;
import org.limbeck.training.analysis.HeadMaps;
import org.limbeck.training.analysis.MapDivergence;
import org.limbeck.training.analysis.MinMaxRange;
import org.limbeck.training.analysis.RankingLoss;
import org.limbeck.training.analysis.RankingRatio;
import org.limbeck.training.analysis.SelfAttentionDistance;
import org.limbeck.training.analysis.TokenAttention;
import org.limbeck.training.analysis.TokenClass;
import org.limbeck.training.analysis.TokenContributions;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Tap;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Encoded;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;

/**
 * How a student's self-attention differs from its teacher's, on a few examples of the development
 * set, one at a time and without padding, in evaluation mode and with true segments.
 *
 * <p>Source: Kim et al., EMNLP 2022, sections 3.2, 4.1 and 4.2.
 *
 * @param examples the number of examples looked at
 * @param rankingLoss the mean over the examples of the literal ranking loss; layer-major [L * H]
 * @param normalisedRankingLoss the same with each pair counted once, divided by the pairs; [L * H]
 * @param coverRatio the mean over the examples of the cover length ratio, K of the analysis code's
 *     logging; [L * H]
 * @param coverFloor the smallest value that ratio can have, the teacher's own
 * @param rankingRatio for the first example: for each of the teacher's three most attended tokens
 *     the rank ratio in the student minus that in the teacher; [L * H][3]
 * @param distances for each token class the distances by layer: SA-GEN, SA-PROP transformed and
 *     weighted, means over the examples; [3][L]
 * @param minimum for the first example the least channel of Y_l by layer and token; [L][n]
 * @param maximum for the first example the greatest channel; [L][n]
 * @param maps for the first example the attention maps averaged over heads; [L][n][n]
 * @param firstAttention the mean attention to the first token by layer; [L]
 * @param lastAttention the mean attention to the last token, [SEP], by layer; [L]
 * @param divergence the mean over the examples of KL(teacher || student) of the maps; [L * H]
 * @param tokens the word piece numbers of the first example
 */
record AttentionAnalysis(
    int examples,
    double[] rankingLoss,
    double[] normalisedRankingLoss,
    double[] coverRatio,
    double coverFloor,
    double[][] rankingRatio,
    Map<String, double[][]> distances,
    float[][] minimum,
    float[][] maximum,
    double[][][] maps,
    double[] firstAttention,
    double[] lastAttention,
    double[] divergence,
    int[] tokens) {
  private static final Gson JSON = new GsonBuilder().serializeSpecialFloatingPointValues().create();

  /** Returns this as JSON. */
  String json() {
    return JSON.toJson(this) + "\n";
  }

  /**
   * Reads what {@link #json} wrote.
   *
   * @param file the file
   * @throws BadInputException if it cannot be read
   */
  static AttentionAnalysis read(Path file) {
    try {
      AttentionAnalysis analysis = JSON.fromJson(Files.readString(file), AttentionAnalysis.class);
      if (analysis != null && analysis.tokens() != null && analysis.divergence() != null) {
        return analysis;
      }
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    } catch (JsonParseException e) {
      throw new BadInputException(file + " does not hold an analysis", e);
    }
    throw new BadInputException(file + " lacks measures, expected a whole analysis");
  }

  /** Returns the examples of the development set that have enough tokens to rank. */
  static List<Encoded> examples(TokenizedTask data, int limit) {
    return data.dev().stream()
        .filter(e -> e.length() > Math.max(RankingRatio.TOP, CoverLengthRatio.LOGGING_K))
        .limit(limit)
        .toList();
  }

  /**
   * Compares two networks; the teacher with itself gives the teacher's own ranges and maps.
   *
   * @param limit the greatest number of examples; {@link #examples} of it must not be empty
   */
  static AttentionAnalysis of(
      Compute compute,
      BertClassifier student,
      BertClassifier teacher,
      TokenizedTask data,
      int limit) {
    try (HostMemory host = new HostMemory()) {
      Collector collector = new Collector(compute, host, student, teacher, data);
      for (Encoded example : examples(data, limit)) {
        collector.add(example);
      }
      return collector.result();
    }
  }

  /** Adds up measures over examples. */
  private static final class Collector {
    private final Memory memory;
    private final HostMemory host;
    private final BertClassifier student;
    private final BertClassifier teacher;
    private final Activations studentActivations;
    private final Activations teacherActivations;
    private final BatchUpload upload;
    private final BertConfig config;
    private final TokenizedTask.Marks marks;
    private final double[] ranking;
    private final double[] normalised;
    private final double[] cover;
    private final double[] divergence;
    private final double[] firstAttention;
    private final double[] lastAttention;
    private final double[][] ratio;
    private final Map<TokenClass, double[][]> sums = new TreeMap<>();
    private final Map<TokenClass, long[]> counts = new TreeMap<>();
    private final List<float[]> minimum = new ArrayList<>();
    private final List<float[]> maximum = new ArrayList<>();
    private final List<double[][]> maps = new ArrayList<>();
    private double floor;
    private int[] tokens = {};
    private int examples;

    Collector(
        Compute compute,
        HostMemory host,
        BertClassifier student,
        BertClassifier teacher,
        TokenizedTask data) {
      this.memory = compute.memory();
      this.host = host;
      this.student = student;
      this.teacher = teacher;
      this.config = teacher.config();
      this.marks = data.marks();
      this.studentActivations = student.newActivations(compute, 1, data.length(), false);
      this.teacherActivations = teacher.newActivations(compute, 1, data.length(), false);
      this.upload = new BatchUpload(memory, 1, data.length());
      int all = config.layers() * config.heads();
      ranking = new double[all];
      normalised = new double[all];
      cover = new double[all];
      divergence = new double[all];
      firstAttention = new double[config.layers()];
      lastAttention = new double[config.layers()];
      ratio = new double[all][];
      for (TokenClass tokenClass : TokenClass.values()) {
        sums.put(tokenClass, new double[3][config.layers()]);
        counts.put(tokenClass, new long[config.layers()]);
      }
    }

    void add(Encoded example) {
      TokenBatch batch = batch(example);
      TokenClass[] classes =
          TokenClass.classify(
              example.ids(),
              marks.cls(),
              marks.sep(),
              piece -> piece == marks.comma() || piece == marks.period());
      boolean first = examples == 0;
      if (first) {
        tokens = example.ids();
      }
      teacher.embed(batch, teacherActivations, Pass.EVALUATION);
      student.embed(batch, studentActivations, Pass.EVALUATION);
      for (int l = 0; l < config.layers(); l++) {
        teacher.layer(l, teacherActivations);
        student.layer(l, studentActivations);
        HeadMaps own = maps(studentActivations, l, example.length());
        HeadMaps wanted = maps(teacherActivations, l, example.length());
        addHeads(l, own, wanted);
        addDistances(l, own, wanted, classes);
        if (first) {
          keep(l, own, wanted);
        }
      }
      floor += CoverLengthRatio.floor(CoverLengthRatio.LOGGING_K, example.length());
      examples++;
    }

    private TokenBatch batch(Encoded example) {
      int n = example.length();
      long[] positions = new long[n];
      Arrays.setAll(positions, i -> i);
      return upload.run(
          new Batch(
              1,
              n,
              host.copyOf(wide(example.ids())),
              host.copyOf(wide(example.types())),
              host.copyOf(positions),
              host.copyOf(new int[] {n}),
              new float[1],
              new int[1]));
    }

    private static long[] wide(int[] values) {
      return Arrays.stream(values).asLongStream().toArray();
    }

    private Matrix onHost(Matrix matrix) {
      if (memory.device().isHost()) {
        return matrix;
      }
      Matrix copy = host.matrix(DType.F32, matrix.rows(), matrix.cols());
      memory.download(matrix, copy);
      return copy;
    }

    private HeadMaps maps(Activations activations, int l, int n) {
      return new HeadMaps(onHost(activations.maps(l)), config.heads(), n);
    }

    private void addHeads(int l, HeadMaps own, HeadMaps wanted) {
      double[] literal = RankingLoss.literal(own, wanted);
      double[] mean = RankingLoss.normalised(own, wanted);
      double[] covered = CoverLengthRatio.logging(own, wanted, CoverLengthRatio.LOGGING_K);
      double[] kl = MapDivergence.of(own, wanted);
      firstAttention[l] += TokenAttention.of(own, 0);
      lastAttention[l] += TokenAttention.of(own, own.tokens() - 1);
      for (int h = 0; h < config.heads(); h++) {
        divergence[l * config.heads() + h] += kl[h];
        ranking[l * config.heads() + h] += literal[h];
        normalised[l * config.heads() + h] += mean[h];
        cover[l * config.heads() + h] += covered[h];
      }
    }

    private void addDistances(int l, HeadMaps own, HeadMaps wanted, TokenClass[] classes) {
      TokenContributions mine = contributions(student, studentActivations, l, own);
      TokenContributions theirs = contributions(teacher, teacherActivations, l, wanted);
      for (TokenClass tokenClass : TokenClass.values()) {
        SelfAttentionDistance.of(mine, theirs, classes, tokenClass)
            .ifPresent(
                distance -> {
                  double[][] sum = sums.get(tokenClass);
                  sum[0][l] += distance.generation();
                  sum[1][l] += distance.transformed();
                  sum[2][l] += distance.propagation();
                  counts.get(tokenClass)[l]++;
                });
      }
    }

    private TokenContributions contributions(
        BertClassifier network, Activations activations, int l, HeadMaps maps) {
      boolean quantized = network.quantization().activation() != null;
      return TokenContributions.of(
          maps,
          onHost(activations.values(l, quantized)),
          onHost(network.selfOutputWeight(l).effective()));
    }

    private void keep(int l, HeadMaps own, HeadMaps wanted) {
      int n = own.tokens();
      RankingRatio ranks = RankingRatio.of(own, wanted, RankingRatio.TOP);
      for (int h = 0; h < config.heads(); h++) {
        double[] change = new double[RankingRatio.TOP];
        for (int k = 0; k < change.length; k++) {
          change[k] = ranks.student()[h][k] - ranks.teacher()[h][k];
        }
        ratio[l * config.heads() + h] = change;
      }
      MinMaxRange range =
          MinMaxRange.of(onHost(studentActivations.tensor(Tap.ATTENTION_OUTPUT, l)), n);
      minimum.add(range.minimum());
      maximum.add(range.maximum());
      double[][] mean = new double[n][n];
      for (int h = 0; h < config.heads(); h++) {
        for (int q = 0; q < n; q++) {
          for (int k = 0; k < n; k++) {
            mean[q][k] += own.maps().getFloat((long) h * n + q, k) / config.heads();
          }
        }
      }
      maps.add(mean);
    }

    AttentionAnalysis result() {
      Map<String, double[][]> distances = new TreeMap<>();
      sums.forEach(
          (tokenClass, sum) -> {
            for (double[] measure : sum) {
              for (int l = 0; l < measure.length; l++) {
                measure[l] /= counts.get(tokenClass)[l];
              }
            }
            distances.put(tokenClass.name(), sum);
          });
      return new AttentionAnalysis(
          examples,
          divided(ranking),
          divided(normalised),
          divided(cover),
          floor / examples,
          ratio,
          distances,
          minimum.toArray(float[][]::new),
          maximum.toArray(float[][]::new),
          maps.toArray(double[][][]::new),
          divided(firstAttention),
          divided(lastAttention),
          divided(divergence),
          tokens);
    }

    private double[] divided(double[] sum) {
      return Arrays.stream(sum).map(x -> x / examples).toArray();
    }
  }
}
