// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Matrices as coloured cells, in rows side by side on one colour scale: attention maps of teacher
 * and student, or a score over two swept parameters.
 *
 * <p>Dark is high. A cell that is not finite is grey.
 */
public final class HeatMap {
  private static final int MARGIN = 18;
  private static final int PAGE_WIDTH = 1040;
  private static final int GAP = 28;
  private static final int PANEL_SIDE = 380;
  private static final int SMALLEST_CELL = 3;
  private static final int LARGEST_CELL = 56;
  private static final int BAR_WIDTH = 14;
  private static final int LONGEST_LABEL = 14;

  /** One matrix: rows from top to bottom. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Panel(String title, double[][] values) {}

  private final String title;
  private final String rowAxis;
  private final List<String> rowLabels;
  private final String columnAxis;
  private final List<String> columnLabels;
  private final String valueLabel;
  private final List<Panel> panels = new ArrayList<>();
  private boolean fromZero;
  private int decimals = -1;

  /**
   * Begins a chart.
   *
   * @param title what the chart shows
   * @param rowAxis what the rows are
   * @param rowLabels a label for each row, from top to bottom
   * @param columnAxis what the columns are
   * @param columnLabels a label for each column
   * @param valueLabel the value with its unit
   */
  public HeatMap(
      String title,
      String rowAxis,
      List<String> rowLabels,
      String columnAxis,
      List<String> columnLabels,
      String valueLabel) {
    this.title = title;
    this.rowAxis = rowAxis;
    this.rowLabels = List.copyOf(rowLabels);
    this.columnAxis = columnAxis;
    this.columnLabels = List.copyOf(columnLabels);
    this.valueLabel = valueLabel;
  }

  /**
   * Begins a chart of attention maps over the tokens of one example.
   *
   * @param title what the chart shows
   * @param tokens the tokens
   */
  public static HeatMap attention(String title, List<String> tokens) {
    return new HeatMap(title, "query token", tokens, "key token", tokens, "attention probability")
        .startingAtZero();
  }

  private HeatMap startingAtZero() {
    fromZero = true;
    return this;
  }

  /**
   * Adds a matrix, to the right of those before or, where the width of a page ends, below them.
   *
   * @param name what the matrix is
   * @param values [rows][columns]
   * @throws IllegalArgumentException if the shape is not that of the labels
   */
  public HeatMap panel(String name, double[][] values) {
    boolean fits = values.length == rowLabels.size();
    for (double[] row : values) {
      fits &= row.length == columnLabels.size();
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "HeatMap.panel: "
              + name
              + ": the matrix has another shape than the labels, ["
              + rowLabels.size()
              + ", "
              + columnLabels.size()
              + "]");
    }
    panels.add(new Panel(name, values));
    return this;
  }

  /**
   * Writes each value into its cell.
   *
   * @param digits the number of decimals, 0 or more
   */
  public HeatMap printValues(int digits) {
    decimals = digits;
    return this;
  }

  /**
   * Draws the chart.
   *
   * @throws IllegalStateException if there is no panel, or the labels are none
   */
  public Picture picture() {
    if (panels.isEmpty() || rowLabels.isEmpty() || columnLabels.isEmpty()) {
      throw new IllegalStateException("HeatMap.picture: " + title + ": there is no cell to draw");
    }
    int cell =
        Math.max(
            SMALLEST_CELL,
            Math.min(LARGEST_CELL, PANEL_SIDE / Math.max(rowLabels.size(), columnLabels.size())));
    Layout[] layout = new Layout[1];
    // The size depends on the width of the labels, which only a graphics context knows.
    Picture.draw(1, 1, graphics -> layout[0] = new Layout(graphics, cell));
    return Picture.draw(layout[0].width, layout[0].height, graphics -> layout[0].paint(graphics));
  }

  /** Where everything stands, in CSS pixels. */
  private final class Layout {
    private final int cell;
    private final Font labelFont;
    private final int labelStep;
    private final int left;
    private final int top;
    private final int panelWidth;
    private final int panelHeight;
    private final int pitch;
    private final int perRow;
    private final int rowPitch;
    private final int barLeft;
    private final int width;
    private final int height;
    private final boolean upright;
    private final double low;
    private final double high;

    private Layout(Graphics2D graphics, int cell) {
      this.cell = cell;
      labelFont = Palette.TICK.deriveFont((float) Math.max(10, Math.min(12, cell)));
      FontMetrics metrics = graphics.getFontMetrics(labelFont);
      labelStep = Math.max(1, (int) Math.ceil((labelFont.getSize() + 1.0) / cell));
      upright = widest(metrics, columnLabels) <= cell - 6;
      left = MARGIN + 22 + widest(metrics, rowLabels) + 6;
      top = MARGIN + 26 + 26;
      panelWidth = cell * columnLabels.size();
      panelHeight = cell * rowLabels.size();
      int titleWidth = 0;
      FontMetrics large = graphics.getFontMetrics(Palette.LABEL);
      for (Panel panel : panels) {
        titleWidth = Math.max(titleWidth, large.stringWidth(panel.title));
      }
      pitch = Math.max(panelWidth, titleWidth) + GAP;
      double[] bounds = bounds();
      low = bounds[0];
      high = bounds[1];
      int barText = Math.max(large.stringWidth(number(low)), large.stringWidth(number(high)));
      int bar = BAR_WIDTH + 8 + barText + 26 + MARGIN;
      perRow = Math.max(1, Math.min(panels.size(), (PAGE_WIDTH - left - bar) / pitch));
      barLeft = left + pitch * perRow;
      int titled = MARGIN * 2 + graphics.getFontMetrics(Palette.TITLE).stringWidth(title);
      width = Math.max(titled, barLeft + bar);
      int below = upright ? 20 : widest(metrics, columnLabels) + 8;
      int panelRows = (panels.size() + perRow - 1) / perRow;
      rowPitch = panelHeight + below + 24 + 26 + GAP;
      height = top + (panelRows - 1) * rowPitch + Math.max(panelHeight, 150) + below + 24 + MARGIN;
    }

    private int widest(FontMetrics metrics, List<String> labels) {
      return labels.stream()
          .mapToInt(l -> metrics.stringWidth(Labels.shortened(l, LONGEST_LABEL)))
          .max()
          .orElse(0);
    }

    private void paint(Graphics2D graphics) {
      graphics.setFont(Palette.TITLE);
      graphics.drawString(title, MARGIN, MARGIN + 14);
      for (int p = 0; p < panels.size(); p++) {
        paintPanel(graphics, panels.get(p), left + p % perRow * pitch, top + p / perRow * rowPitch);
      }
      for (int p = 0; p < panels.size(); p += perRow) {
        paintRowLabels(graphics, top + p / perRow * rowPitch);
      }
      paintBar(graphics);
    }

    private void paintRowLabels(Graphics2D graphics, int y) {
      graphics.setFont(labelFont);
      graphics.setColor(Palette.INK);
      FontMetrics metrics = graphics.getFontMetrics();
      for (int row = 0; row < rowLabels.size(); row += labelStep) {
        String label = Labels.shortened(rowLabels.get(row), LONGEST_LABEL);
        float base = y + (row + 0.5f) * cell + metrics.getAscent() / 2f - 1;
        graphics.drawString(label, left - 6 - metrics.stringWidth(label), base);
      }
      graphics.setFont(Palette.LABEL);
      Labels.upwards(graphics, rowAxis, MARGIN + 12, y + panelHeight / 2f);
    }

    private void paintPanel(Graphics2D graphics, Panel panel, int x, int y) {
      graphics.setColor(Palette.INK);
      graphics.setFont(Palette.LABEL);
      graphics.drawString(panel.title, x, y - 9);
      for (int row = 0; row < rowLabels.size(); row++) {
        for (int column = 0; column < columnLabels.size(); column++) {
          double value = panel.values[row][column];
          double share = Double.isFinite(value) ? share(value) : Double.NaN;
          graphics.setColor(Palette.sequential(share));
          graphics.fillRect(x + column * cell, y + row * cell, cell, cell);
          if (decimals >= 0) {
            graphics.setColor(share > 0.55 ? Color.WHITE : Palette.INK);
            graphics.setFont(labelFont);
            String text =
                Double.isFinite(value)
                    ? String.format(Locale.ROOT, "%." + decimals + "f", value)
                    : "n/a";
            int offset = (cell - graphics.getFontMetrics().stringWidth(text)) / 2;
            graphics.drawString(text, x + column * cell + offset, y + row * cell + cell / 2 + 4);
          }
        }
      }
      graphics.setColor(Palette.MUTED);
      graphics.drawRect(x, y, panelWidth, panelHeight);
      graphics.setColor(Palette.INK);
      graphics.setFont(labelFont);
      FontMetrics metrics = graphics.getFontMetrics();
      int lowest = 0;
      for (int column = 0; column < columnLabels.size(); column += labelStep) {
        String label = Labels.shortened(columnLabels.get(column), LONGEST_LABEL);
        int length = metrics.stringWidth(label);
        float centre = x + (column + 0.5f) * cell;
        if (upright) {
          graphics.drawString(label, centre - length / 2f, y + panelHeight + 16);
          lowest = Math.max(lowest, 20);
        } else {
          Labels.upwards(
              graphics,
              label,
              centre + metrics.getAscent() / 2f - 1,
              y + panelHeight + 6 + length / 2f);
          lowest = Math.max(lowest, length + 8);
        }
      }
      graphics.setFont(Palette.LABEL);
      int axisWidth = graphics.getFontMetrics().stringWidth(columnAxis);
      graphics.drawString(
          columnAxis, x + (panelWidth - axisWidth) / 2f, y + panelHeight + lowest + 18f);
    }

    private void paintBar(Graphics2D graphics) {
      int barHeight = Math.max(120, Math.min(panelHeight, 260));
      for (int y = 0; y < barHeight; y++) {
        graphics.setColor(Palette.sequential(1 - (double) y / (barHeight - 1)));
        graphics.fillRect(barLeft, top + y, BAR_WIDTH, 1);
      }
      graphics.setColor(Palette.MUTED);
      graphics.drawRect(barLeft, top, BAR_WIDTH, barHeight);
      graphics.setColor(Palette.INK);
      graphics.setFont(Palette.TICK);
      int textWidth = 0;
      for (int tick = 0; tick <= 2; tick++) {
        String text = number(high + (low - high) * tick / 2);
        graphics.drawString(text, barLeft + BAR_WIDTH + 6, top + 5 + tick * barHeight / 2f);
        textWidth = Math.max(textWidth, graphics.getFontMetrics().stringWidth(text));
      }
      graphics.setFont(Palette.LABEL);
      Labels.upwards(
          graphics, valueLabel, barLeft + BAR_WIDTH + 6 + textWidth + 18f, top + barHeight / 2f);
    }

    private double share(double value) {
      return high > low ? (value - low) / (high - low) : 0.5;
    }
  }

  private double[] bounds() {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (Panel panel : panels) {
      for (double[] row : panel.values) {
        for (double value : row) {
          if (Double.isFinite(value)) {
            low = Math.min(low, value);
            high = Math.max(high, value);
          }
        }
      }
    }
    if (!(low <= high)) {
      return new double[] {0, 1};
    }
    return new double[] {fromZero ? Math.min(low, 0) : low, high};
  }

  private static String number(double value) {
    double size = Math.abs(value);
    return String.format(Locale.ROOT, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.2f", value);
  }
}
