// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Input from outside that cannot be used. The message is one sentence for the user: what, where
 * (file, line), and what was expected.
 */
public final class BadInputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception without a cause.
   *
   * @param message one sentence
   */
  public BadInputException(String message) {
    super(message);
  }

  /**
   * Makes an exception with the cause below it.
   *
   * @param message one sentence
   * @param cause what failed
   */
  public BadInputException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Returns the exception for a file that cannot be read.
   *
   * @param file the file
   * @param cause what failed
   * @return an exception whose message names the file and the reason
   */
  public static BadInputException reading(Path file, IOException cause) {
    return new BadInputException(file + ": the file cannot be read: " + reason(cause), cause);
  }

  /**
   * Returns the exception for a file that cannot be written.
   *
   * @param file the file
   * @param cause what failed
   * @return an exception whose message names the file and the reason
   */
  public static BadInputException writing(Path file, IOException cause) {
    return new BadInputException(file + ": the file cannot be written: " + reason(cause), cause);
  }

  /** The messages of the JDK's file system exceptions are often only the file's name. */
  private static String reason(IOException cause) {
    if (cause instanceof NoSuchFileException missing) {
      return missing.getFile() + " does not exist";
    }
    if (cause instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (cause instanceof FileAlreadyExistsException) {
      return "a file of that name exists already";
    }
    if (cause instanceof EOFException) {
      return "it ends too early";
    }
    if (cause instanceof FileSystemException system && system.getReason() != null) {
      return system.getReason();
    }
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }
}
