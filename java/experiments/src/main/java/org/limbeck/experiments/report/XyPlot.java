// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.geom.Line2D;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * A chart of values against a number: learning curves, sweeps, dynamic ranges, values per head.
 *
 * <p>Each named series has a colour, a dash and a marker of its own; the legend stands beside the
 * data. Values that are not finite leave a gap.
 */
public final class XyPlot {
  private static final int WIDTH = 820;
  private static final int HEIGHT = 436;
  private static final int LONGEST_NAME = 26;
  private static final int MANY_POINTS = 200;
  private static final int MARGIN = 18;
  private static final int PADDING = 12;
  private static final int TITLE_ROOM = 40;

  /** Where the plot ends when XChart draws no horizontal axis. */
  private static final int AXIS_ABOVE_BOTTOM = PADDING;

  private enum Look {
    LINE,
    MARKED_LINE,
    POINTS,
    REFERENCE
  }

  /** One curve; several may share a name, and then a colour and a legend entry. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Curve(String name, Look look, double[] x, double[] y, double[] deviation) {}

  /** A mark on the horizontal axis. */
  private record Tick(double x, String label) {}

  private final String title;
  private final String xLabel;
  private final String yLabel;
  private final List<Curve> curves = new ArrayList<>();
  private boolean logarithmicX;
  private boolean fromZero;
  private double[] xRange;
  private List<Tick> ticks = List.of();

  /**
   * Begins a chart.
   *
   * @param title what the chart shows
   * @param xLabel the horizontal quantity with its unit
   * @param yLabel the vertical quantity with its unit
   */
  public XyPlot(String title, String xLabel, String yLabel) {
    this.title = title;
    this.xLabel = xLabel;
    this.yLabel = yLabel;
  }

  /**
   * Returns a chart of one value per head, layer by layer from left to right; the heads of a layer
   * stand side by side around its number.
   *
   * @param title what the chart shows
   * @param yLabel the value with its unit
   * @param heads the number of heads of a layer
   * @param values for each configuration its values, layer-major: [layers * heads]
   * @throws IllegalArgumentException if a number of values is no multiple of {@code heads}
   */
  public static XyPlot perHead(
      String title, String yLabel, int heads, Map<String, double[]> values) {
    XyPlot plot = new XyPlot(title, "layer (heads side by side)", yLabel);
    int layers = 1;
    for (Map.Entry<String, double[]> entry : values.entrySet()) {
      double[] y = entry.getValue();
      if (y.length % heads != 0) {
        throw new IllegalArgumentException(
            "XyPlot.perHead: "
                + entry.getKey()
                + ": given "
                + y.length
                + " values, expected a multiple of the "
                + heads
                + " heads");
      }
      layers = Math.max(layers, y.length / heads);
      double[] x = new double[y.length];
      for (int i = 0; i < x.length; i++) {
        int layer = i / heads + 1;
        x[i] = layer - 0.4 + 0.8 * (i % heads + 0.5) / heads;
      }
      plot.points(entry.getKey(), x, y);
    }
    plot.xRange = new double[] {0.5, layers + 0.5};
    plot.ticks =
        IntStream.rangeClosed(1, layers)
            .mapToObj(layer -> new Tick(layer, Integer.toString(layer)))
            .toList();
    plot.fromZero = true;
    return plot;
  }

  /** Makes the horizontal axis logarithmic; all x must be above 0. */
  public XyPlot logarithmicX() {
    logarithmicX = true;
    return this;
  }

  /**
   * Writes names instead of numbers on the horizontal axis.
   *
   * @param names the name of x = 0, 1, ...
   */
  public XyPlot xNames(List<String> names) {
    ticks =
        IntStream.range(0, names.size())
            .mapToObj(i -> new Tick(i, Labels.shortened(names.get(i), LONGEST_NAME)))
            .toList();
    xRange = new double[] {-0.5, names.size() - 0.5};
    return this;
  }

  /** Adds a line. */
  public XyPlot line(String name, double[] x, double[] y) {
    return add(name, Look.LINE, x, y, null);
  }

  /** Adds a line with a marker at each value. */
  public XyPlot markedLine(String name, double[] x, double[] y) {
    return add(name, Look.MARKED_LINE, x, y, null);
  }

  /**
   * Adds means as a line with markers and bars of one standard deviation up and down.
   *
   * @param deviation the standard deviations; NaN, as for a single run, draws no bar
   */
  public XyPlot means(String name, double[] x, double[] mean, double[] deviation) {
    if (deviation.length != mean.length) {
      throw new IllegalArgumentException(
          "XyPlot.means: given "
              + deviation.length
              + " deviations, expected one for each of "
              + mean.length
              + " means");
    }
    return add(name, Look.MARKED_LINE, x, mean, deviation);
  }

  /** Adds points without a line. */
  public XyPlot points(String name, double[] x, double[] y) {
    return add(name, Look.POINTS, x, y, null);
  }

  /** Adds the lower and the upper bound of a range as two lines that look alike. */
  public XyPlot range(String name, double[] x, double[] minimum, double[] maximum) {
    return add(name, Look.LINE, x, minimum, null).add(name, Look.LINE, x, maximum, null);
  }

  /** Adds a thin horizontal line over the whole width, such as a teacher's score. */
  public XyPlot reference(String name, double y) {
    return add(name, Look.REFERENCE, new double[0], new double[] {y}, null);
  }

  private XyPlot add(String name, Look look, double[] x, double[] y, double[] deviation) {
    if (look != Look.REFERENCE && x.length != y.length) {
      throw new IllegalArgumentException(
          "XyPlot: "
              + name
              + ": given "
              + x.length
              + " x and "
              + y.length
              + " y, expected as many");
    }
    curves.add(
        new Curve(name, look, x.clone(), gaps(y), deviation == null ? null : bars(deviation)));
    return this;
  }

  private static double[] gaps(double[] y) {
    return Arrays.stream(y).map(v -> Double.isFinite(v) ? v : Double.NaN).toArray();
  }

  private static double[] bars(double[] deviation) {
    return Arrays.stream(deviation).map(v -> Double.isFinite(v) ? v : 0).toArray();
  }

  /** Draws the chart. */
  public Picture picture() {
    List<Curve> shown =
        curves.stream()
            .filter(c -> Arrays.stream(c.y).anyMatch(Double::isFinite))
            .filter(c -> c.look == Look.REFERENCE || c.x.length > 0)
            .toList();
    double[] extent = extent(shown);
    if (extent == null) {
      return Picture.draw(
          WIDTH,
          HEIGHT / 3,
          graphics -> {
            paintTitle(graphics);
            graphics.setFont(Palette.LABEL);
            graphics.drawString("No finite value to show.", MARGIN, 40);
          });
    }
    List<Tick> marks = logarithmicX ? valueTicks(shown) : ticks;
    boolean owned = !marks.isEmpty();
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .xAxisTitle(owned ? "" : xLabel)
            .yAxisTitle(yLabel)
            .build();
    style(chart.getStyler(), extent, owned);
    Map<String, Integer> numbers = new LinkedHashMap<>();
    for (Curve curve : shown) {
      boolean first = !numbers.containsKey(curve.name);
      int number = numbers.computeIfAbsent(curve.name, name -> numbers.size());
      add(chart, curve, number, first, extent);
    }
    if (!owned) {
      return Picture.draw(
          WIDTH,
          HEIGHT,
          graphics -> {
            paintTitle(graphics);
            chart.paint(graphics, WIDTH, HEIGHT - TITLE_ROOM);
          });
    }
    int[] room = new int[1];
    // Long labels make the picture higher, not the plot flatter; only a context knows their length.
    Picture.draw(1, 1, graphics -> room[0] = labelRoom(graphics, marks));
    return Picture.draw(
        WIDTH,
        HEIGHT + room[0],
        graphics -> {
          paintTitle(graphics);
          paintWithTicks(chart, graphics, marks, extent, room[0]);
        });
  }

  /** Writes the title and moves the origin below it. */
  private void paintTitle(Graphics2D graphics) {
    graphics.setFont(Palette.TITLE);
    graphics.drawString(Labels.fitting(graphics, title, WIDTH - 2 * MARGIN), MARGIN, MARGIN + 14);
    graphics.translate(0, TITLE_ROOM);
  }

  private int labelRoom(Graphics2D graphics, List<Tick> marks) {
    FontMetrics metrics = graphics.getFontMetrics(Palette.TICK);
    return upright(metrics, marks) ? metrics.getHeight() : widest(metrics, marks) + 4;
  }

  private boolean upright(FontMetrics metrics, List<Tick> marks) {
    return logarithmicX || widest(metrics, marks) + 5 <= 0.7 * WIDTH / marks.size();
  }

  private static int widest(FontMetrics metrics, List<Tick> marks) {
    return marks.stream().mapToInt(t -> metrics.stringWidth(t.label)).max().orElse(0);
  }

  /**
   * Draws the chart with the horizontal axis done here: XChart puts marks at round numbers only,
   * and those of a formatter of one's own at places that a logarithmic axis does not have.
   */
  private void paintWithTicks(
      XYChart chart, Graphics2D graphics, List<Tick> marks, double[] extent, int room) {
    int plotHeight = HEIGHT - TITLE_ROOM - 44;
    chart.paint(graphics, WIDTH, plotHeight);
    int axis = plotHeight - AXIS_ABOVE_BOTTOM;
    double left = chart.getScreenXFromChart(extent[0]);
    double right = chart.getScreenXFromChart(extent[1]);
    graphics.setColor(Palette.MUTED);
    graphics.setStroke(new BasicStroke(1));
    graphics.draw(new Line2D.Double(left, axis, right, axis));
    graphics.setFont(Palette.TICK);
    FontMetrics metrics = graphics.getFontMetrics();
    boolean upright = upright(metrics, marks);
    double size = upright ? widest(metrics, marks) + 5.0 : metrics.getHeight() - 2.0;
    double pitch = (right - left) / marks.size();
    int step = logarithmicX ? 1 : (int) Math.ceil(size / pitch);
    double free = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < marks.size(); i++) {
      Tick tick = marks.get(i);
      double x = chart.getScreenXFromChart(position(tick.x));
      graphics.setColor(Palette.MUTED);
      graphics.draw(new Line2D.Double(x, axis, x, axis + 4.0));
      double half = metrics.stringWidth(tick.label) / 2.0;
      if (i % step != 0 || (logarithmicX && x - half < free)) {
        continue; // the label would touch the one before
      }
      free = x + half + 5;
      graphics.setColor(Palette.INK);
      Labels.draw(graphics, tick.label, x, axis + 8.0, upright);
    }
    graphics.setFont(Palette.LABEL);
    Labels.draw(graphics, xLabel, (left + right) / 2, axis + room + 16.0, true);
  }

  /** The distinct x of all curves, which are few where someone swept a parameter. */
  private static List<Tick> valueTicks(List<Curve> shown) {
    return shown.stream()
        .flatMapToDouble(curve -> Arrays.stream(curve.x))
        .distinct()
        .sorted()
        .mapToObj(x -> new Tick(x, plain(x)))
        .toList();
  }

  private double position(double x) {
    return logarithmicX ? Math.log10(x) : x;
  }

  private void add(XYChart chart, Curve curve, int number, boolean first, double[] extent) {
    String id = curve.name + (first ? "" : " " + chart.getSeriesMap().size());
    double[] x = Arrays.stream(curve.x).map(this::position).toArray();
    double[] y = curve.y;
    if (curve.look == Look.REFERENCE) {
      x = extent;
      y = new double[] {curve.y[0], curve.y[0]};
    }
    XYSeries series =
        curve.deviation == null
            ? chart.addSeries(id, x, y)
            : chart.addSeries(id, x, y, curve.deviation);
    Color colour = Palette.series(number);
    series.setLabel(Labels.shortened(curve.name, LONGEST_NAME));
    series.setShowInLegend(first);
    series.setLineColor(colour);
    series.setMarkerColor(colour);
    series.setMarker(Palette.marker(number));
    series.setLineStyle(Palette.stroke(number));
    switch (curve.look) {
      case LINE -> series.setMarker(SeriesMarkers.NONE);
      case POINTS -> series.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
      case REFERENCE -> {
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(Palette.MUTED);
        series.setLineStyle(
            new BasicStroke(
                1.2f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {3, 3}, 0));
      }
      default -> {}
    }
  }

  /**
   * The horizontal extent of the plot, in logarithms where the axis is, or null where there is
   * nothing to show.
   */
  private double[] extent(List<Curve> shown) {
    if (xRange != null) {
      return shown.isEmpty() ? null : xRange;
    }
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (Curve curve : shown) {
      for (double x : curve.x) {
        low = Math.min(low, x);
        high = Math.max(high, x);
      }
    }
    if (!(low <= high)) {
      return null;
    }
    if (logarithmicX) {
      if (!(low > 0)) {
        throw new IllegalArgumentException(
            "XyPlot: given x = " + low + " for a logarithmic axis, expected x above 0");
      }
      double room = low == high ? 0.3 : 0.04 * Math.log10(high / low);
      return new double[] {Math.log10(low) - room, Math.log10(high) + room};
    }
    double room = low == high ? 1 : 0.02 * (high - low);
    return new double[] {low - (low == 0 ? 0 : room), high + room};
  }

  private void style(XYStyler styler, double[] extent, boolean owned) {
    styler.setBaseFont(Palette.LABEL);
    styler.setAxisTitleFont(Palette.LABEL);
    styler.setAxisTickLabelsFont(Palette.TICK);
    styler.setLegendFont(Palette.TICK);
    styler.setChartFontColor(Palette.INK);
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setPlotGridLinesColor(Palette.GRID);
    styler.setPlotGridLinesStroke(new BasicStroke(1));
    styler.setChartTitleVisible(false);
    styler.setYAxisDecimalPattern("0.######");
    styler.setChartPadding(PADDING);
    styler.setLegendPosition(Styler.LegendPosition.OutsideE);
    styler.setLegendBorderColor(Color.WHITE);
    styler.setLegendSeriesLineLength(28);
    styler.setMarkerSize(curves.stream().anyMatch(c -> c.x.length > MANY_POINTS) ? 5 : 6);
    styler.setErrorBarsColorSeriesColor(true);
    styler.setLocale(Locale.ROOT);
    styler.setXAxisMin(extent[0]);
    styler.setXAxisMax(extent[1]);
    styler.setPlotContentSize(0.97);
    if (fromZero) {
      styler.setYAxisMin(0.0);
    }
    if (owned) {
      styler.setXAxisTicksVisible(false);
      styler.setXAxisTitleVisible(false);
      styler.setPlotGridVerticalLinesVisible(false);
    }
  }

  private static String plain(double x) {
    return x == Math.rint(x) ? Long.toString((long) x) : Double.toString(Math.round(x * 1e6) / 1e6);
  }
}
