// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.geom.AffineTransform;

/** Text around the axes of a chart. */
final class Labels {
  private static final String ELLIPSIS = "\u2026";

  private Labels() {}

  /** Returns the text, cut to a width in the font at hand. */
  static String fitting(Graphics2D graphics, String text, int width) {
    FontMetrics metrics = graphics.getFontMetrics();
    String fitting = text;
    while (metrics.stringWidth(fitting) > width && fitting.length() > 1) {
      fitting = fitting.substring(0, fitting.length() - 2) + ELLIPSIS;
    }
    return fitting;
  }

  /** Returns the text, cut to a number of characters. */
  static String shortened(String text, int longest) {
    return text.length() <= longest ? text : text.substring(0, longest - 1) + ELLIPSIS;
  }

  /**
   * Writes text below an axis, its middle or its end at {@code x}.
   *
   * @param x where it belongs
   * @param top its upper edge
   * @param upright whether it reads from left to right, and not upwards
   */
  static void draw(Graphics2D graphics, String text, double x, double top, boolean upright) {
    FontMetrics metrics = graphics.getFontMetrics();
    int length = metrics.stringWidth(text);
    if (upright) {
      graphics.drawString(text, (float) (x - length / 2.0), (float) (top + metrics.getAscent()));
    } else {
      upwards(graphics, text, x + metrics.getAscent() / 2.0 - 1, top + length / 2.0);
    }
  }

  /** Writes text that reads upwards, its middle at {@code y}, its base line at {@code x}. */
  static void upwards(Graphics2D graphics, String text, double x, double y) {
    AffineTransform before = graphics.getTransform();
    graphics.translate(x, y);
    graphics.rotate(-Math.PI / 2);
    graphics.drawString(text, -graphics.getFontMetrics().stringWidth(text) / 2f, 0);
    graphics.setTransform(before);
  }
}
