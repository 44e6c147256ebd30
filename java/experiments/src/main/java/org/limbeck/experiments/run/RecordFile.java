// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;

/** Records of numbers, texts, lists and maps of them as JSON, such as the settings of a run. */
public final class RecordFile {
  private static final Gson JSON = new GsonBuilder().setPrettyPrinting().create();

  private RecordFile() {}

  /** Returns a record as JSON. */
  public static String json(Record content) {
    return JSON.toJson(content) + "\n";
  }

  /**
   * Writes a record.
   *
   * @param file the file
   * @param content the record
   * @throws BadInputException if it cannot be written
   */
  public static void write(Path file, Record content) {
    AtomicFiles.write(file, json(content));
  }

  /**
   * Reads a record that {@link #write} wrote.
   *
   * @param file the file
   * @param type its class
   * @param what what the file should hold, for messages
   * @return the record; numbers that the file lacks are 0
   * @throws BadInputException if it cannot be read, holds no such record, or lacks a text, list or
   *     map
   */
  public static <S extends Record> S read(Path file, Class<S> type, String what) {
    try {
      S content = JSON.fromJson(Files.readString(file), type);
      if (content != null) {
        requireAll(file, content, what);
        return content;
      }
    } catch (BadInputException e) {
      throw e;
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    } catch (RuntimeException e) {
      // Gson wraps what a record's constructor refuses in plain RuntimeExceptions.
      throw new BadInputException(file + " does not hold " + what, e);
    }
    throw new BadInputException(file + " is empty, expected " + what);
  }

  private static void requireAll(Path file, Record content, String what) {
    for (RecordComponent part : content.getClass().getRecordComponents()) {
      try {
        Method accessor = part.getAccessor();
        accessor.setAccessible(true);
        if (accessor.invoke(content) == null) {
          throw new BadInputException(file + " names no " + part.getName() + ", expected " + what);
        }
      } catch (ReflectiveOperationException e) {
        throw new AssertionError(e);
      }
    }
  }
}
