// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Charts are images of the size they say, with the data in them. */
class ChartsTest {
  @BeforeEach
  void canDraw() {
    assumeTrue(Picture.obstacle().isEmpty(), () -> Picture.obstacle().orElseThrow());
  }

  private static BufferedImage image(Picture picture) throws IOException {
    BufferedImage image = ImageIO.read(new ByteArrayInputStream(picture.png()));
    assertEquals(picture.width() * Picture.SCALE, image.getWidth());
    assertEquals(picture.height() * Picture.SCALE, image.getHeight());
    return image;
  }

  private static int count(BufferedImage image, Color colour) {
    int found = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        found += (image.getRGB(x, y) & 0xffffff) == (colour.getRGB() & 0xffffff) ? 1 : 0;
      }
    }
    return found;
  }

  /** Nothing may be cut off: the outermost pixels stay white. */
  private static void assertMargin(BufferedImage image) {
    for (int x = 0; x < image.getWidth(); x++) {
      assertEquals(0xffffff, image.getRGB(x, 0) & 0xffffff);
      assertEquals(0xffffff, image.getRGB(x, image.getHeight() - 1) & 0xffffff);
    }
    for (int y = 0; y < image.getHeight(); y++) {
      assertEquals(0xffffff, image.getRGB(0, y) & 0xffffff);
      assertEquals(0xffffff, image.getRGB(image.getWidth() - 1, y) & 0xffffff);
    }
  }

  @Test
  void everyChartOfTheSampleIsDrawnWithinItsBounds() throws IOException {
    for (Map.Entry<String, Picture> entry : SampleReport.pictures().entrySet()) {
      BufferedImage image = image(entry.getValue());
      int pixels = image.getWidth() * image.getHeight();
      int white = count(image, Color.WHITE);
      assertTrue(white < 0.97 * pixels, entry.getKey() + " is blank");
      assertMargin(image);
    }
  }

  @Test
  void eachSeriesHasItsColour() throws IOException {
    double[] x = {0, 1, 2};
    XyPlot plot = new XyPlot("t", "x", "y");
    for (int s = 0; s < 5; s++) {
      plot.line("series " + s, x, new double[] {s, s + 1, s + 2});
    }
    BufferedImage image = image(plot.picture());
    for (int s = 0; s < 5; s++) {
      assertTrue(count(image, Palette.series(s)) > 100, "series " + s);
    }
    assertEquals(0, count(image, Palette.series(5)));
  }

  @Test
  void paletteColoursDiffer() {
    Set<Color> colours = new HashSet<>();
    IntStream.range(0, 7).forEach(i -> colours.add(Palette.series(i)));
    assertEquals(7, colours.size());
    int before = 256;
    for (int i = 0; i <= 20; i++) {
      Color c = Palette.sequential(i / 20.0);
      int grey = (int) (0.299 * c.getRed() + 0.587 * c.getGreen() + 0.114 * c.getBlue());
      assertTrue(grey < before, "the scale must darken also on a grey printer");
      before = grey;
    }
  }

  @Test
  void longNamesAndManyTokensStayWithinTheBounds() throws IOException {
    String name = "a very long name of a configuration that nobody would write";
    XyPlot plot = new XyPlot("t", "x", "y").line(name, new double[] {1}, new double[] {2});
    assertMargin(image(plot.picture()));
    List<String> tokens = Collections.nCopies(128, "internationalisation");
    assertMargin(image(SampleReport.attention(tokens)));
    double[] x = IntStream.range(0, 128).asDoubleStream().toArray();
    assertMargin(image(new XyPlot("t", "x", "y").xNames(tokens).range("a", x, x, x).picture()));
  }

  @Test
  void notFiniteValuesLeaveTheRest() throws IOException {
    double[] x = {1, 2, 3, 4};
    double[] y = {1, Double.NaN, Double.POSITIVE_INFINITY, 4};
    Picture some =
        new XyPlot("t", "x", "y")
            .points("some", x, y)
            .line("none", x, new double[] {Double.NaN, Double.NaN, Double.NaN, Double.NaN})
            .picture();
    assertTrue(count(image(some), Palette.series(0)) > 20);
    Picture nothing = new XyPlot("t", "x", "y").line("a", new double[0], new double[0]).picture();
    assertTrue(count(image(nothing), Palette.INK) > 20);
  }

  @Test
  void aLogarithmicAxisSpacesDecadesEvenly() throws IOException {
    double[] x = {0.1, 1, 10};
    Picture picture =
        new XyPlot("t", "x", "y").logarithmicX().points("a", x, new double[] {1, 1, 1}).picture();
    BufferedImage image = image(picture);
    Color colour = Palette.series(0);
    int[] starts =
        IntStream.range(1, image.getWidth())
            .filter(c -> column(image, c, colour) && !column(image, c - 1, colour))
            .toArray();
    assertEquals(4, starts.length, "three markers and that of the legend");
    assertEquals(starts[1] - starts[0], starts[2] - starts[1], 2);
    XyPlot bad = new XyPlot("t", "x", "y").logarithmicX().points("a", new double[1], new double[1]);
    assertThrows(IllegalArgumentException.class, bad::picture);
  }

  private static boolean column(BufferedImage image, int x, Color colour) {
    return IntStream.range(0, image.getHeight())
        .anyMatch(y -> (image.getRGB(x, y) & 0xffffff) == (colour.getRGB() & 0xffffff));
  }

  @Test
  void heatMapCellsHaveTheColoursOfTheirValues() throws IOException {
    HeatMap map = new HeatMap("t", "r", List.of("a", "b"), "c", List.of("x", "y"), "v");
    map.panel("p", new double[][] {{0, 10}, {5, Double.NaN}});
    BufferedImage image = image(map.picture());
    int cell = 90 * 90; // a cell is 112 pixels wide
    assertTrue(count(image, Palette.sequential(1)) > cell);
    assertTrue(count(image, Palette.sequential(0.5)) > cell);
    assertTrue(count(image, Palette.MISSING) > cell);
  }

  @Test
  void badArgumentsAreNamed() {
    XyPlot plot = new XyPlot("t", "x", "y");
    assertFails("given 2 x and 1 y", () -> plot.line("a", new double[2], new double[1]));
    assertFails(
        "given 1 deviations", () -> plot.means("a", new double[2], new double[2], new double[1]));
    assertFails("given 5 values", () -> XyPlot.perHead("t", "y", 2, Map.of("map", new double[5])));
    HeatMap map = HeatMap.attention("t", List.of("a", "b"));
    assertFails("another shape", () -> map.panel("p", new double[][] {{1, 2}, {1}}));
    assertThrows(IllegalStateException.class, map::picture);
  }

  private static void assertFails(String message, Runnable call) {
    Exception e = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
