// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Colours that people with the common colour vision deficiencies tell apart, paired with dashes and
 * markers so that nothing rests on colour alone.
 *
 * <p>Source of the series colours: Okabe and Ito, "Color Universal Design", 2008; its yellow is
 * left out, which is too faint on white.
 */
final class Palette {
  static final Color INK = new Color(0x22, 0x22, 0x22);
  static final Color MUTED = new Color(0x66, 0x66, 0x66);
  static final Color GRID = new Color(0xe4, 0xe4, 0xe4);
  static final Color MISSING = new Color(0xd8, 0xd8, 0xd8);

  static final Font TITLE = new Font(Font.SANS_SERIF, Font.BOLD, 15);
  static final Font LABEL = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
  static final Font TICK = new Font(Font.SANS_SERIF, Font.PLAIN, 12);

  private static final Color[] SERIES = {
    new Color(0x00, 0x72, 0xb2), // blue
    new Color(0xd5, 0x5e, 0x00), // vermilion
    new Color(0x00, 0x9e, 0x73), // bluish green
    new Color(0xcc, 0x79, 0xa7), // reddish purple
    new Color(0x22, 0x22, 0x22), // black
    new Color(0x56, 0xb4, 0xe9), // sky blue
    new Color(0xe6, 0x9f, 0x00), // orange
  };

  private static final float[][] DASHES = {{}, {8, 4}, {2, 3}, {10, 3, 2, 3}};

  private static final Marker[] MARKERS = {
    SeriesMarkers.CIRCLE,
    SeriesMarkers.SQUARE,
    SeriesMarkers.TRIANGLE_UP,
    SeriesMarkers.DIAMOND,
    SeriesMarkers.TRIANGLE_DOWN,
  };

  /** One hue from white to dark, even steps of lightness: it survives a grey printer. */
  private static final Color[] SEQUENTIAL = {
    new Color(0xff, 0xff, 0xff),
    new Color(0xd3, 0xe4, 0xf3),
    new Color(0x9c, 0xc8, 0xe2),
    new Color(0x5d, 0xa5, 0xd1),
    new Color(0x2b, 0x7b, 0xba),
    new Color(0x0b, 0x50, 0x9d),
    new Color(0x08, 0x2a, 0x5e),
  };

  private Palette() {}

  static Color series(int index) {
    return SERIES[index % SERIES.length];
  }

  static Marker marker(int index) {
    return MARKERS[index % MARKERS.length];
  }

  static BasicStroke stroke(int index) {
    return dashed(DASHES[index % DASHES.length]);
  }

  static BasicStroke dashed(float... dash) {
    return dash.length == 0
        ? new BasicStroke(1.8f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND)
        : new BasicStroke(1.8f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, dash, 0);
  }

  /** Returns the colour of a value on a scale from 0 (white) to 1 (dark blue). */
  static Color sequential(double share) {
    if (Double.isNaN(share)) {
      return MISSING;
    }
    double at = Math.min(1, Math.max(0, share)) * (SEQUENTIAL.length - 1);
    int low = Math.min((int) at, SEQUENTIAL.length - 2);
    Color a = SEQUENTIAL[low];
    Color b = SEQUENTIAL[low + 1];
    double t = at - low;
    return new Color(
        mix(a.getRed(), b.getRed(), t),
        mix(a.getGreen(), b.getGreen(), t),
        mix(a.getBlue(), b.getBlue(), t));
  }

  private static int mix(int a, int b, double t) {
    return (int) Math.round(a + (b - a) * t);
  }
}
