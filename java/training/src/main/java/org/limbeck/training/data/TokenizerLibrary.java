// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.limbeck.formats.BadInputException;

/**
 * A tokenizer of Hugging Face's native library, as DJL packs it: sentences in, word pieces out.
 *
 * <p>DJL's own {@code HuggingFaceTokenizer} is passed by: it reports its use to its makers, and
 * copies eight arrays an encoding of which one is needed. Loading the library may look for CUDA,
 * download a build for it, and write into {@code ~/.djl.ai} and {@code ~/.cache/JNA}. System
 * properties tell it not to; they hold only while it loads, so that another user of DJL in the
 * process keeps its settings. The library (14 MB) is unpacked once, into the directory that {@code
 * -Dlimbeck.cache} names, by default {@code ~/.cache/limbeck} ({@code $XDG_CACHE_HOME/limbeck}
 * where that is set); DJL's own {@code ENGINE_CACHE_DIR} goes first where it is set.
 */
final class TokenizerLibrary implements AutoCloseable {
  /** The native tokenizer, 0 once closed. */
  private long handle;

  /**
   * Makes a tokenizer.
   *
   * @param json the content of a {@code tokenizer.json} without truncation and padding
   * @throws BadInputException if the library cannot be loaded here, or refuses the content
   */
  TokenizerLibrary(String json) {
    load();
    try {
      handle = TokenizersLibrary.LIB.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw new BadInputException(
          "The tokenizer's data is refused ("
              + e.getMessage()
              + "): expected a tokenizer.json or vocab.txt of BERT",
          e);
    }
  }

  /**
   * Returns the word pieces of sentences, without special ones. The library uses all cores; one
   * call at a time.
   */
  synchronized int[][] encode(String[] sentences) {
    if (handle == 0) {
      throw new IllegalStateException("The tokenizer is closed: expected an open one to encode");
    }
    long[] encodings = TokenizersLibrary.LIB.batchEncode(handle, sentences, false);
    int[][] pieces = new int[encodings.length][];
    for (int i = 0; i < encodings.length; i++) {
      long[] ids = TokenizersLibrary.LIB.getTokenIds(encodings[i]);
      TokenizersLibrary.LIB.deleteEncoding(encodings[i]);
      pieces[i] = new int[ids.length];
      for (int k = 0; k < ids.length; k++) {
        pieces[i][k] = Math.toIntExact(ids[k]);
      }
    }
    return pieces;
  }

  @Override
  public synchronized void close() {
    if (handle != 0) {
      TokenizersLibrary.LIB.deleteTokenizer(handle);
      handle = 0;
    }
  }

  private static synchronized void load() {
    Path cache = cache();
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("ai.djl.offline", "true");
    settings.put("RUST_FLAVOR", "cpu");
    settings.put("ENGINE_CACHE_DIR", cache.resolve("djl").toString());
    // DJL looks for CUDA through JNA, which unpacks a library of its own.
    settings.put("jna.tmpdir", cache.resolve("jna").toString());
    // DJL brings the interface of a logger without one; nobody needs three lines about that.
    settings.put("slf4j.internal.verbosity", "ERROR");
    settings.keySet().removeIf(key -> System.getProperty(key) != null);
    settings.forEach(System::setProperty);
    try {
      LibUtils.checkStatus();
    } catch (LinkageError | AssertionError | EngineException e) {
      throw new BadInputException(
          "The tokenizer's native library does not load on "
              + System.getProperty("os.name")
              + " "
              + System.getProperty("os.arch")
              + " ("
              + rootMessage(e)
              + "): expected Linux (x86_64, aarch64), macOS (aarch64) or Windows (x86_64)",
          e);
    } finally {
      settings.keySet().forEach(System::clearProperty);
    }
  }

  private static Path cache() {
    String named = System.getProperty("limbeck.cache", "");
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path cache;
    if (!named.isEmpty()) {
      cache = Path.of(named);
    } else if (xdg != null && Path.of(xdg).isAbsolute()) {
      cache = Path.of(xdg, "limbeck");
    } else {
      cache = Path.of(System.getProperty("user.home"), ".cache", "limbeck");
    }
    try {
      return Files.createDirectories(cache);
    } catch (IOException e) {
      throw new BadInputException(
          "Cannot create the directory "
              + cache
              + " ("
              + e
              + "), where the tokenizer's native library is unpacked: expected one that can be"
              + " written to; -Dlimbeck.cache=DIR names another",
          e);
    }
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getClass().getSimpleName() + ": " + root.getMessage();
  }
}
