// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.transformer.RandomTransformer;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;

class TransformerDirectoryTest {
  @TempDir Path folder;

  private Path write(String kind) {
    Path directory = folder.resolve("models").resolve(kind);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = new Transformer(compute, RandomTransformer.config(kind));
      model.initialise(3);
      TransformerDirectory.write(directory, model, compute.memory());
    }
    return directory;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pet",
        "standard",
        "compressed",
        "first_tied",
        "swapped_decoder",
        "untied_embedding"
      })
  void whatIsWrittenIsRead(String kind) {
    Path directory = write(kind);
    TransformerConfig config = RandomTransformer.config(kind);
    assertEquals(config, TransformerDirectory.readConfig(directory));
    assertEquals(directory.resolve("text"), TransformerDirectory.text(directory));
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer want = new Transformer(compute, config);
      want.initialise(3);
      Transformer got = TransformerDirectory.read(directory, compute);
      for (Parameter parameter : want.parameters().all()) {
        assertArrayEquals(
            Tensors.download(compute.memory(), parameter.value()),
            Tensors.download(
                compute.memory(), got.parameters().byName().get(parameter.name()).value()),
            parameter.name());
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"width\": 16 | \"width\": 18 | : Stack: width: given 18, expected an even multiple of the"
            + " number of heads, 4",
        "\"all\" | \"some\" | : query_tying is some, expected the name of a QueryTying",
        "\"model_type\": \"limbeck_transformer\" | \"model_type\": \"bert\" | : model_type is"
            + " \"bert\", expected \"limbeck_transformer\"",
        "\"dropout\": 0.3 | \"dropout\": 1.5 | : TransformerConfig: dropout: given 1.5, expected at"
            + " least 0 and below 1",
        "\"blocks\": 2 | \"blocks\": 1.5 | : encoder: blocks is 1.5, expected a whole number above"
            + " 0",
        "\"tied_embedding\": true | \"tied_embedding\": 1 | : tied_embedding is 1, expected true or"
            + " false",
        "\"order\": [ | \"order\": [0.5, | : encoder: order is [0.5,1,2,1,2], expected a list of"
            + " whole numbers",
        "\"swapped\": [ | \"swapped\": [0, | : encoder: swapped is [0,false,false,true,true],"
            + " expected a list of true and false",
        "\"order\" | \"ordre\" | : encoder: order is missing, expected a list of whole numbers"
      })
  void aBadConfigurationIsRefused(String from, String to, String message) throws IOException {
    Path file = write("pet").resolve("config.json");
    String text = Files.readString(file);
    Files.writeString(file, text.replaceFirst(Pattern.quote(from), to));
    assertEquals(
        file + message,
        assertThrows(
                BadInputException.class, () -> TransformerDirectory.readConfig(file.getParent()))
            .getMessage());
  }

  @Test
  void weightsOfAnotherModelAreRefused() throws IOException {
    Path pet = write("pet");
    Path standard = write("standard");
    Path compressed = write("compressed");
    Path weights = standard.resolve("model.safetensors");
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Files.copy(pet.resolve("model.safetensors"), weights, StandardCopyOption.REPLACE_EXISTING);
      assertEquals(
          weights
              + " has no tensor decoder.layers.0.encoder_attn.q_proj.weight: it is of another"
              + " network, or not of a translation model",
          assertThrows(BadInputException.class, () -> TransformerDirectory.read(standard, compute))
              .getMessage());
      Files.copy(
          compressed.resolve("model.safetensors"), weights, StandardCopyOption.REPLACE_EXISTING);
      assertEquals(
          weights
              + ": tensor decoder.embed_tokens.weight has shape [19, 16], expected [19, 12]: it is"
              + " of another network",
          assertThrows(BadInputException.class, () -> TransformerDirectory.read(standard, compute))
              .getMessage());
      Path nothing = folder.resolve("nothing");
      assertEquals(
          nothing + " is no directory, expected one with config.json and model.safetensors",
          assertThrows(BadInputException.class, () -> TransformerDirectory.read(nothing, compute))
              .getMessage());
    }
  }
}
