// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.limbeck.experiments.run.DeviceOptions;
import org.limbeck.experiments.run.Options;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.io.TransformerDirectory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.transformer.BeamOptions;
import org.limbeck.training.transformer.BeamSearch;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.translation.SubwordEncoder;
import org.limbeck.training.translation.TranslationVocabulary;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Translates standard input, a sentence a line. */
@Command(
    name = "translate",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    description = {
      "Translates standard input with a model that pet trained: a sentence a line, in UTF-8. An"
          + " empty line stays empty."
    },
    sortOptions = false,
    usageHelpWidth = 100)
public final class TranslateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "The folder of a model below --out of pet: models/NAME/seed-N.")
  private Path model;

  @Option(names = "--beam", paramLabel = "N", defaultValue = "5", description = "The beam.")
  private int beam;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "128",
      description = "The most sentences translated at once.")
  private int batch;

  @Option(
      names = "--refuse-unknown",
      description = {
        "End at a sentence with characters that the model's vocabulary lacks; by default a line on"
            + " the standard error stream names them, and they are read as unknown."
      })
  private boolean refuseUnknown;

  @Mixin private DeviceOptions device;

  /** For picocli. */
  public TranslateCommand() {}

  @Override
  public Integer call() {
    Options.require(beam >= 1, "--beam", beam, "1 or more");
    Options.require(batch >= 1, "--batch", batch, "1 or more");
    device.check();
    TranslationVocabulary vocabulary = ModelFolder.vocabulary(model);
    BeamOptions options = BeamOptions.DEFAULT.withBeam(beam).withSentences(batch);
    try (Limbeck limbeck = device.open();
        Compute compute = new Compute(limbeck, DeviceOptions.precision(device.tf32()));
        BeamSearch search =
            new BeamSearch(limbeck, TransformerDirectory.read(model, compute), options)) {
      translate(vocabulary, search);
    } catch (CharacterCodingException e) {
      throw new BadInputException(
          "standard input holds bytes that are no text in UTF-8: expected sentences in UTF-8", e);
    } catch (IOException e) {
      throw new BadInputException("standard input cannot be read: " + e.getMessage(), e);
    }
    return 0;
  }

  private void translate(TranslationVocabulary vocabulary, BeamSearch search) throws IOException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8.newDecoder()));
    PrintWriter out = spec.commandLine().getOut();
    int number = 0;
    boolean more = true;
    while (more) {
      List<String> lines = new ArrayList<>();
      // What a person types is answered line by line, what is piped in many lines at a time.
      do {
        String line = in.readLine();
        more = line != null;
        if (more) {
          lines.add(line);
        }
      } while (more && lines.size() < batch && in.ready());
      BadInputException refused = translate(lines, number, vocabulary, search, out);
      number += lines.size();
      if (refused != null) {
        throw refused;
      }
    }
  }

  /** Translates lines up to the first that is refused, and returns why. */
  private BadInputException translate(
      List<String> lines,
      int before,
      TranslationVocabulary vocabulary,
      BeamSearch search,
      PrintWriter out) {
    List<int[]> sentences = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    BadInputException refused = null;
    int taken = 0;
    for (; taken < lines.size(); taken++) {
      SubwordEncoder.Encoding encoding = vocabulary.source().encode(lines.get(taken));
      refused = refusal(encoding, before + taken + 1);
      if (refused != null) {
        break;
      }
      // A line without words has nothing but its end.
      places.add(encoding.ids().length > 1 ? sentences.size() : -1);
      if (encoding.ids().length > 1) {
        sentences.add(encoding.ids());
      }
    }
    List<List<Integer>> translations = search.translate(sentences);
    for (int place : places) {
      out.println(
          place < 0
              ? ""
              : vocabulary
                  .target()
                  .sentence(
                      translations.get(place).stream().mapToInt(Integer::intValue).toArray()));
    }
    out.flush();
    return refused;
  }

  private BadInputException refusal(SubwordEncoder.Encoding encoding, int line) {
    if (encoding.ids().length > Capacity.MAX_LENGTH) {
      return new BadInputException(
          "standard input, line "
              + line
              + ": a sentence of "
              + encoding.ids().length
              + " subwords: expected at most "
              + Capacity.MAX_LENGTH);
    }
    if (!encoding.unknown().isEmpty()) {
      String message =
          "standard input, line "
              + line
              + ": the model's vocabulary lacks "
              + String.join(", ", encoding.unknown());
      if (refuseUnknown) {
        return new BadInputException(message + ": expected characters that it has");
      }
      PrintWriter err = spec.commandLine().getErr();
      err.println("limbeck: " + message + ", read as unknown");
      err.flush();
    }
    return null;
  }
}
