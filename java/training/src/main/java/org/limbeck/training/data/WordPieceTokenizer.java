// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.bert.PretrainedModel;

/**
 * Cuts sentences into BERT's word pieces, with the vocabulary of a pretrained model.
 *
 * <p>A {@code tokenizer.json} is used as it is, except that its truncation and padding are switched
 * off; a {@code vocab.txt} gets the normalisation of uncased BERT: control characters removed,
 * Chinese characters set apart, lower case, accents stripped. A word of more than 100 characters is
 * [UNK].
 *
 * <p>It needs a native library, which is unpacked once to the directory that {@code
 * -Dlimbeck.cache} names (by default {@code ~/.cache/limbeck}), and no network.
 *
 * <p>Source: Devlin et al., arXiv 1810.04805; the truncation of pairs is that of BERT's, and
 * QAT-KD's, data processors.
 */
public final class WordPieceTokenizer implements AutoCloseable {
  /** Examples handed to the library at a time: with 512 and more it takes four times as long. */
  private static final int CHUNK = 64;

  private static final int LONGEST_WORD = 100;
  private static final String CLS = "[CLS]";
  private static final String SEP = "[SEP]";
  private static final String PAD = "[PAD]";
  private static final String UNK = "[UNK]";

  private final TokenizerLibrary library;
  private final Map<Integer, String> pieces = new HashMap<>();
  private final Map<String, Integer> numbers = new HashMap<>();
  private final int cls;
  private final int sep;
  private final int pad;

  /**
   * Makes a tokenizer.
   *
   * @param vocabulary the tokenizer's data of a pretrained model
   * @throws BadInputException if it is no WordPiece vocabulary with [CLS], [SEP], [PAD] and [UNK],
   *     or the native library does not load on this platform; the message says which
   */
  public WordPieceTokenizer(PretrainedModel.Vocabulary vocabulary) {
    JsonObject json;
    if (vocabulary instanceof PretrainedModel.TokenizerJson file) {
      json = parse(file.json());
      json.add("truncation", JsonNull.INSTANCE);
      json.add("padding", JsonNull.INSTANCE);
    } else if (vocabulary instanceof PretrainedModel.WordPieceList list) {
      json = compose(list.text());
    } else {
      throw new AssertionError("Vocabulary is sealed");
    }
    Map<String, JsonElement> ids = pieces(json);
    ids.forEach(
        (piece, id) -> {
          pieces.put(id.getAsInt(), piece);
          numbers.put(piece, id.getAsInt());
        });
    cls = special(ids, CLS);
    sep = special(ids, SEP);
    pad = special(ids, PAD);
    special(ids, UNK);
    library = new TokenizerLibrary(json.toString());
  }

  private static JsonObject parse(String text) {
    try {
      return JsonParser.parseString(text).getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new BadInputException(
          "tokenizer.json: no JSON object (" + e.getMessage() + "): expected Hugging Face's format",
          e);
    }
  }

  /** Returns the tokenizer.json of uncased BERT with a vocabulary of one piece a line. */
  private static JsonObject compose(String vocabulary) {
    JsonObject ids = new JsonObject();
    String[] lines = vocabulary.split("\n", -1);
    int last = lines[lines.length - 1].isEmpty() ? lines.length - 1 : lines.length;
    for (int i = 0; i < last; i++) {
      String piece = lines[i].endsWith("\r") ? chop(lines[i]) : lines[i];
      if (ids.has(piece)) {
        throw new BadInputException(
            "vocab.txt, line "
                + (i + 1)
                + ": \""
                + piece
                + "\" a second time: expected one new word piece a line");
      }
      ids.addProperty(piece, i);
    }
    JsonObject json =
        parse(
            """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
             "normalizer": {"type": "BertNormalizer", "clean_text": true,
               "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
             "pre_tokenizer": {"type": "BertPreTokenizer"},
             "post_processor": null,
             "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
             "model": {"type": "WordPiece", "continuing_subword_prefix": "##"}}
            """);
    // Special pieces written out in a text are recognised there, as by Hugging Face.
    for (String special : List.of(PAD, UNK, CLS, SEP, "[MASK]")) {
      if (ids.has(special)) {
        JsonObject token =
            parse(
                """
                {"single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                 "special": true}
                """);
        token.add("id", ids.get(special));
        token.addProperty("content", special);
        json.getAsJsonArray("added_tokens").add(token);
      }
    }
    JsonObject model = json.getAsJsonObject("model");
    model.addProperty("unk_token", UNK);
    model.addProperty("max_input_chars_per_word", LONGEST_WORD);
    model.add("vocab", ids);
    return json;
  }

  private static String chop(String line) {
    return line.substring(0, line.length() - 1);
  }

  private static Map<String, JsonElement> pieces(JsonObject json) {
    JsonElement model = json.get("model");
    JsonElement vocabulary =
        model != null && model.isJsonObject() ? model.getAsJsonObject().get("vocab") : null;
    if (vocabulary == null || !vocabulary.isJsonObject()) {
      throw new BadInputException(
          "tokenizer.json: no object model.vocab: expected the vocabulary of a WordPiece tokenizer");
    }
    return vocabulary.getAsJsonObject().asMap();
  }

  private static int special(Map<String, JsonElement> ids, String piece) {
    JsonElement id = ids.get(piece);
    if (id == null || !id.isJsonPrimitive() || !id.getAsJsonPrimitive().isNumber()) {
      throw new BadInputException(
          "The tokenizer's vocabulary of "
              + ids.size()
              + " word pieces lacks a number for "
              + piece
              + ": expected that of a BERT model");
    }
    return id.getAsInt();
  }

  /** Returns the number of word pieces in the vocabulary. */
  public int vocabularySize() {
    return pieces.size();
  }

  /**
   * Returns the text of a word piece.
   *
   * @param id its number
   * @return the text, with ## before a continuation; [UNK] for a number that is not there
   */
  public String piece(int id) {
    return pieces.getOrDefault(id, UNK);
  }

  /**
   * Returns the number of a word piece.
   *
   * @param piece its text, with ## before a continuation
   * @return its number, or -1 if the vocabulary lacks it
   */
  public int number(String piece) {
    return numbers.getOrDefault(piece, -1);
  }

  /** Returns the number of [PAD]. */
  public int pad() {
    return pad;
  }

  /** Returns the number of [CLS]. */
  public int cls() {
    return cls;
  }

  /** Returns the number of [SEP]. */
  public int sep() {
    return sep;
  }

  /**
   * Encodes one sentence or a pair.
   *
   * @param a the sentence, or the first of the pair
   * @param b the second, or null
   * @param maximumLength the longest result in word pieces, at least 3
   * @return the word pieces with [CLS] and [SEP], cut to the length: a single sentence at its end,
   *     of a pair the longer one first, the second one on ties
   */
  public Encoded encode(String a, String b, int maximumLength) {
    return encodeAll(List.of(new Example(a, b, 0)), maximumLength).get(0);
  }

  /**
   * Encodes examples, on all cores of the machine.
   *
   * @param examples single sentences or pairs
   * @param maximumLength the longest result in word pieces, at least 3
   * @return one encoding an example, in their order, the same as of {@link #encode}
   */
  public List<Encoded> encodeAll(List<Example> examples, int maximumLength) {
    if (maximumLength < 3) {
      throw new IllegalArgumentException(
          "WordPieceTokenizer: maximumLength: given "
              + maximumLength
              + ", expected at least 3: [CLS] and two [SEP]");
    }
    List<Encoded> encoded = new ArrayList<>(examples.size());
    for (int from = 0; from < examples.size(); from += CHUNK) {
      List<Example> chunk = examples.subList(from, Math.min(from + CHUNK, examples.size()));
      List<String> texts = new ArrayList<>(2 * chunk.size());
      for (Example example : chunk) {
        texts.add(example.textA());
        if (example.textB() != null) {
          texts.add(example.textB());
        }
      }
      int[][] pieces = library.encode(texts.toArray(String[]::new));
      int next = 0;
      for (Example example : chunk) {
        int[] a = pieces[next++];
        int[] b = example.textB() == null ? null : pieces[next++];
        encoded.add(Encoded.of(a, b, maximumLength, cls, sep));
      }
    }
    return encoded;
  }

  /** Frees the library's memory. */
  @Override
  public void close() {
    library.close();
  }
}
