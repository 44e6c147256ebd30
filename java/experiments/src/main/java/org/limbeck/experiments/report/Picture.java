// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.function.Consumer;
import javax.imageio.ImageIO;

/**
 * A finished chart: a PNG of twice the pixels of its size on the page, so that it stays sharp on
 * fine screens and in print.
 *
 * @param png the file's bytes
 * @param width the width on the page, in CSS pixels
 * @param height the height on the page, in CSS pixels
 */
@SuppressWarnings("ArrayRecordComponent") // the bytes of a file, compared by no one
public record Picture(byte[] png, int width, int height) {
  /** Pixels of the image for one CSS pixel. */
  public static final int SCALE = 2;

  static {
    // Charts are drawn into memory; a toolkit with windows would need a display.
    if (System.getProperty("java.awt.headless") == null) {
      System.setProperty("java.awt.headless", "true");
    }
  }

  /**
   * Returns why this machine cannot draw, if it cannot: text needs a font and the library that
   * finds it.
   *
   * @return one sentence; empty where charts can be drawn
   */
  public static Optional<String> obstacle() {
    try {
      draw(8, 8, graphics -> graphics.drawString("a", 1, 7));
      return Optional.empty();
    } catch (RuntimeException | LinkageError | InternalError e) {
      return Optional.of(
          "Charts were left out, since this Java cannot draw text ("
              + e
              + "); installing fontconfig and a TrueType font helps.");
    }
  }

  /**
   * Draws on white.
   *
   * @param width the width in CSS pixels
   * @param height the height in CSS pixels
   * @param painter draws in CSS pixels
   */
  static Picture draw(int width, int height, Consumer<Graphics2D> painter) {
    BufferedImage image =
        new BufferedImage(width * SCALE, height * SCALE, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
    graphics.scale(SCALE, SCALE);
    graphics.setColor(Palette.INK);
    painter.accept(graphics);
    graphics.dispose();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(image, "png", bytes)) {
        throw new IllegalStateException("Picture: this Java has no writer for PNG images");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory does not fail
    }
    return new Picture(bytes.toByteArray(), width, height);
  }
}
