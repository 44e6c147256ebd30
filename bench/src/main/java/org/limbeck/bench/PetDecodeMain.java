// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.limbeck.bench.step.LimbeckStep;
import org.limbeck.bench.step.RandomSentences;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.transformer.BeamOptions;
import org.limbeck.training.transformer.BeamSearch;
import org.limbeck.training.transformer.Transformer;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Times translation by beam search and tells in which stems the time goes. Weights are those with
 * which training begins and sources random, so that nearly all translations have the greatest
 * length, 1.2 times that of their source and 10 more.
 *
 * <p>Prints a CSV, one line for each number of threads and of sentences at once. A rate counts the
 * tokens of best translations, their ends included. Exits 0 on success, 2 on bad usage.
 */
@Command(
    name = "pet-decode",
    mixinStandardHelpOptions = true,
    description = {
      "Times translation by beam search with a random model; the default shape is that of the",
      "paper on IWSLT'14."
    })
public final class PetDecodeMain implements Callable<Integer> {
  static final String HEADER =
      "model,beam,sentences_at_once,threads,backend,tokens_per_second,sentences_per_second,"
          + StepMain.SHARES;

  private static final long SEED = 1;
  private static final double NANOS = 1e9;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Mixin private PetModel model;

  @Mixin private WatchedOptions watched;

  @Option(names = "--beam", description = "Hypotheses (default: ${DEFAULT-VALUE}).")
  private int beam = 5;

  @Option(names = "--sentences", description = "How many (default: ${DEFAULT-VALUE}).")
  private int sentences = 64;

  @Option(
      names = "--at-once",
      split = ",",
      description = "Numbers of sentences that are translated at once (default: 1,64).")
  private List<Integer> atOnce = List.of(1, 64);

  @Option(
      names = "--length",
      description = "The longest source; none has less than 3/4 (default: ${DEFAULT-VALUE}).")
  private int length = 24;

  @Option(names = "--warmup", description = "Rounds before (default: ${DEFAULT-VALUE}).")
  private int warmup = 2;

  @Option(names = "--rounds", description = "Rounds that are timed (default: ${DEFAULT-VALUE}).")
  private int rounds = 3;

  /** For picocli. */
  public PetDecodeMain() {}

  /** Times translation and ends the JVM with an exit code. */
  public static void main(String[] arguments) {
    System.exit(StepMain.commandLine(new PetDecodeMain()).execute(arguments));
  }

  @Override
  public Integer call() {
    StepMain.require("--sentences", sentences, 1);
    StepMain.require("--length", length, 1);
    StepMain.require("--warmup", warmup, 0);
    StepMain.require("--rounds", rounds, 1);
    watched.check();
    BeamOptions options = BeamOptions.DEFAULT.withBeam(beam);
    atOnce.forEach(options::withSentences);
    model.config(0);
    PrintWriter out = spec.commandLine().getOut();
    boolean first = true;
    for (int n : watched.threads()) {
      for (int each : atOnce) {
        String line = measure(n, options.withSentences(each));
        if (first) {
          out.println(HEADER);
          first = false;
        }
        out.println(line);
        out.flush();
      }
    }
    return 0;
  }

  private String measure(int n, BeamOptions options) {
    Map<String, Long> nanosByStem = new HashMap<>();
    try (Limbeck limbeck = watched.open(n, nanosByStem);
        Compute compute = new Compute(limbeck, watched.device().precision())) {
      Transformer network = new Transformer(compute, model.config(0));
      network.initialise(SEED);
      List<int[]> sources =
          RandomSentences.of(SEED, sentences, length, network.config().sourceVocabulary());
      try (BeamSearch search = new BeamSearch(limbeck, network, options)) {
        for (int round = 0; round < warmup; round++) {
          search.translate(sources);
        }
        nanosByStem.clear();
        long tokens = 0;
        long begin = System.nanoTime();
        for (int round = 0; round < rounds; round++) {
          for (List<Integer> translation : search.translate(sources)) {
            tokens += translation.size() + 1;
          }
        }
        double nanos = System.nanoTime() - begin;
        return String.format(
            Locale.ROOT,
            "%s,%d,%d,%d,%s,%.1f,%.2f,%s",
            model,
            options.beam(),
            options.sentences(),
            n,
            LimbeckStep.backend(limbeck),
            NANOS * tokens / nanos,
            NANOS * sentences * rounds / nanos,
            StepMain.shares(nanos, nanosByStem));
      }
    }
  }
}
