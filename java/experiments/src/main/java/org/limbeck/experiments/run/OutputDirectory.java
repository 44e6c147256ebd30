// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.limbeck.formats.BadInputException;

/**
 * Where a run keeps what it made: settings, one folder for each trained network, results, plots and
 * report. A run that was killed goes on from here. One process at a time has it.
 */
public final class OutputDirectory implements AutoCloseable {
  /** What messages call the file of {@link #settings}. */
  public static final String SETTINGS = "the settings of a run";

  private final Path root;
  private final FileChannel lock;

  private OutputDirectory(Path root, FileChannel lock) {
    this.root = root;
    this.lock = lock;
  }

  /**
   * Opens the folder of a run.
   *
   * @param root the folder; made if it is not there
   * @param settings the settings of this run: everything that decides its numbers
   * @param resume whether an earlier run of the same settings goes on
   * @throws BadInputException if another process has the folder, there is an earlier run and it is
   *     not to go on, or it had other settings
   */
  public static OutputDirectory open(Path root, Record settings, boolean resume) {
    made(root);
    FileChannel lock = lock(root);
    try {
      requireSettings(root, settings, resume);
      return new OutputDirectory(root, lock);
    } catch (RuntimeException e) {
      release(lock);
      throw e;
    }
  }

  /** The file stays when the lock goes: removing it would let two processes lock two files. */
  private static FileChannel lock(Path root) {
    Path file = root.resolve("lock");
    FileChannel channel = null;
    try {
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (channel.tryLock() != null) {
        return channel;
      }
    } catch (IOException e) {
      throw BadInputException.writing(file, e);
    } catch (OverlappingFileLockException e) {
      // Held by this process itself.
    }
    release(channel);
    throw new BadInputException(
        root + " is in use by another run: wait for its end, or give another --out");
  }

  private static void release(FileChannel lock) {
    try {
      lock.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void requireSettings(Path root, Record settings, boolean resume) {
    Path file = settings(root);
    if (Files.exists(file)) {
      if (!resume) {
        throw new BadInputException(
            root + " holds an earlier run: give --resume to go on with it, or another --out");
      }
      Record earlier = RecordFile.read(file, settings.getClass(), SETTINGS);
      if (!earlier.equals(settings)) {
        throw new BadInputException(
            root
                + " holds a run of other settings, which are in "
                + file
                + ": give the same ones to go on with it, or another --out");
      }
    } else {
      RecordFile.write(file, settings);
    }
  }

  /** Lets other processes have the folder. */
  @Override
  public void close() {
    release(lock);
  }

  /**
   * Checks that a file can be written, before hours of work whose results go there.
   *
   * @param file the file, or null for none
   * @throws BadInputException if it is a folder, or its folder is not there or not writable
   */
  public static void requireWritable(Path file) {
    if (file == null) {
      return;
    }
    Path folder = file.toAbsolutePath().getParent();
    String wrong = null;
    if (Files.isDirectory(file)) {
      wrong = "it is a directory";
    } else if (!Files.isDirectory(folder)) {
      wrong = folder + " is no directory";
    } else if (!Files.isWritable(Files.exists(file) ? file : folder)) {
      wrong = "permission denied";
    }
    if (wrong != null) {
      throw new BadInputException(file + ": the file cannot be written: " + wrong);
    }
  }

  /**
   * Returns the file with the settings of a run.
   *
   * @param root the folder of the run
   */
  public static Path settings(Path root) {
    return root.resolve("settings.json");
  }

  /** Returns the folder itself. */
  public Path root() {
    return root;
  }

  /**
   * Returns a folder inside, made if it is not there.
   *
   * @param names the names of the folders on the way, outermost first
   */
  public Path folder(String... names) {
    Path folder = root;
    for (String name : names) {
      folder = folder.resolve(name);
    }
    return made(folder);
  }

  /** Returns the folder of plots, made if it is not there. */
  public Path plots() {
    return folder("plots");
  }

  private static Path made(Path folder) {
    try {
      return Files.createDirectories(folder);
    } catch (IOException e) {
      throw BadInputException.writing(folder, e);
    }
  }
}
