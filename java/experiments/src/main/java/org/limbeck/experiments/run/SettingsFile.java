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

/** The settings of a run, a record of numbers, texts and lists of them, as JSON. */
public final class SettingsFile {
  private static final Gson JSON = new GsonBuilder().setPrettyPrinting().create();

  private SettingsFile() {}

  /** Returns settings as JSON. */
  public static String json(Record settings) {
    return JSON.toJson(settings) + "\n";
  }

  /**
   * Writes settings.
   *
   * @param file the file
   * @param settings the settings
   * @throws BadInputException if it cannot be written
   */
  public static void write(Path file, Record settings) {
    AtomicFiles.write(file, json(settings));
  }

  /**
   * Reads settings that {@link #write} wrote.
   *
   * @param file the file
   * @param type their class
   * @return the settings; numbers that the file lacks are 0
   * @throws BadInputException if it cannot be read, holds no settings, or lacks a text or list
   */
  public static <S extends Record> S read(Path file, Class<S> type) {
    try {
      S settings = JSON.fromJson(Files.readString(file), type);
      if (settings != null) {
        requireAll(file, settings);
        return settings;
      }
    } catch (BadInputException e) {
      throw e;
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    } catch (RuntimeException e) {
      // Gson wraps what a record's constructor refuses in plain RuntimeExceptions.
      throw new BadInputException(file + " does not hold the settings of a run", e);
    }
    throw new BadInputException(file + " is empty, expected the settings of a run");
  }

  private static void requireAll(Path file, Record settings) {
    for (RecordComponent part : settings.getClass().getRecordComponents()) {
      try {
        Method accessor = part.getAccessor();
        accessor.setAccessible(true);
        if (accessor.invoke(settings) == null) {
          throw new BadInputException(
              file + " names no " + part.getName() + ", expected the settings of a run");
        }
      } catch (ReflectiveOperationException e) {
        throw new AssertionError(e);
      }
    }
  }
}
