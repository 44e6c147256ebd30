// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.bench.cases.EncoderCases;
import org.limbeck.bench.cases.StemCases;
import org.limbeck.bench.cases.Stems;
import org.limbeck.bench.peer.Peer;
import org.limbeck.kernels.backend.Backends;
import picocli.CommandLine;

/** Every benchmark once, at tiny shapes, and what a person sees. */
class MainTest {
  /** Two threads, where there are two processors. */
  private static final int MOST = Math.min(2, Runtime.getRuntime().availableProcessors());

  private static final String ALL_THREADS = MOST == 1 ? "1" : "1," + MOST;
  private static final int CEILINGS = 5;
  private static final boolean NATIVE = isThere("native");

  private static boolean isThere(String backend) {
    try (Backends backends = Backends.discover()) {
      return backends.available().stream().anyMatch(b -> b.name().equals(backend));
    }
  }

  @TempDir private Path directory;

  private record Run(int exit, List<String> out, String err) {}

  private static Run bench(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int exit = line.execute(arguments);
    return new Run(exit, out.toString().lines().toList(), err.toString());
  }

  private static void assertBadInput(Run run, String message) {
    assertEquals(2, run.exit(), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertTrue(run.out().isEmpty(), run.out().toString());
  }

  @BeforeEach
  void writeTinyShapes() throws IOException {
    writeShape("ceiling", "65536");
    for (StemCases stem : Stems.ALL) {
      writeShape(
          stem.stem(),
          switch (stem.dimensionCount()) {
            case 2 -> stem.stem().equals("encoder") ? "1x3" : "65x33";
            // Rows of 65 columns take other ways through a packed row than those of 300.
            case 3 -> stem.stem().equals("gemm_ternary") ? "3x5x300" : "19x17x65";
            default -> "2x3x9x8";
          });
    }
  }

  private void writeShape(String stem, String shape) throws IOException {
    Files.writeString(directory.resolve(stem + ".csv"), "shape,reason\n" + shape + ",small\n");
  }

  /** Runs everything once and checks the rows of the file. */
  private List<Row> once(String... arguments) throws IOException {
    Path csv = directory.resolve("out.csv");
    String[] common = {
      "--once", "--quiet", "--shapes", directory.toString(), "--csv", csv.toString()
    };
    String[] all = new String[common.length + arguments.length];
    System.arraycopy(common, 0, all, 0, common.length);
    System.arraycopy(arguments, 0, all, common.length, arguments.length);
    Run run = bench(all);
    assertEquals(0, run.exit(), run.err());
    List<Row> rows = ResultFile.read(csv);
    for (Row row : rows) {
      if (row.peerPath().contains("; absent: ")) {
        assertTrue(row.isCeiling() && !NATIVE, row.line());
        continue;
      }
      assertTrue(row.backend().matches("vector|native|native[+]vector"), row.line());
      assertTrue(row.medianNanos() > 0, row.line());
      assertTrue(row.gflops() >= 0 && row.gbps() >= 0, row.line());
      assertTrue(row.gflops() + row.gbps() > 0, row.line());
      assertTrue(row.rooflinePct() >= 0, row.line());
      assertTrue(
          run.out().stream().anyMatch(l -> l.contains(row.stem()) && l.contains(row.mode())));
    }
    assertTrue(rows.stream().filter(Row::isCeiling).allMatch(r -> r.peer().equals("machine")));
    return rows;
  }

  /** The modes that have kernels here. */
  private static long kernels() {
    return Stems.ALL.stream()
        .flatMap(stem -> stem.modes().stream().filter(m -> has(stem, m)))
        .count();
  }

  private static boolean has(StemCases stem, String mode) {
    return NATIVE
        || !stem.stem().matches("gemm_(bf16|i8|ternary)") && !mode.endsWith(EncoderCases.TERNARY);
  }

  @Test
  void everyBenchmarkRunsUnderJmh() throws IOException {
    List<Row> rows = once("--jmh", "--threads", ALL_THREADS, "--buffers", "hot,cold");
    assertEquals(MOST * CEILINGS + MOST * 2 * kernels(), rows.size(), "rows");
    for (String begin :
        new String[] {
          "ceiling,registers,fma,1,vector,",
          "ceiling,registers,int8_dot," + MOST + ",native,",
          "ceiling,65536,copy," + MOST + ",vector,",
          "ceiling,65536,read,1,vector,",
          "gemm_f32,19x17x65,TN," + MOST + ",",
          "softmax_kl,65x33,forward_kl+gradient.cold,1,",
          "attention_kl,19x17x65,qk,1,",
          "attention,2x3x9x8,backward,1,",
          "fake_quant,65x33,ternary.forward," + MOST + ",",
          "fake_quant,65x33,symmetric8.backward.cold,1,"
        }) {
      assertEquals(1, rows.stream().filter(r -> r.line().startsWith(begin)).count(), begin);
    }
  }

  @Test
  void aKernelThatIsMissingIsLeftOut() {
    Run run =
        bench(
            "--once",
            "--quiet",
            "--threads",
            "1",
            "--shapes",
            directory.toString(),
            "--backend",
            "vector",
            "--stem",
            "relu,gemm_i8");
    assertEquals(0, run.exit(), run.err());
    assertEquals(3, run.err().lines().count(), run.err());
    assertTrue(run.err().startsWith("bench: gemm_i8 NN is left out: "), run.err());
    assertTrue(run.out().stream().anyMatch(l -> l.startsWith("relu")), run.out().toString());
    Run nothing = bench("--once", "--quiet", "--backend", "vector", "--stem", "gemm_i8");
    assertEquals(2, nothing.exit(), nothing.err());
    assertTrue(nothing.err().contains("no backend that was asked for"), nothing.err());
  }

  @Test
  void everyBenchmarkRunsInAProcessOfItsOwn() throws IOException {
    List<Row> rows = once("--threads", "" + MOST);
    assertEquals(CEILINGS + kernels(), rows.size(), "rows");
    assertTrue(rows.stream().noneMatch(row -> !row.isCeiling() && row.hasRatio()));
  }

  @Test
  void everyPeerRuns() throws IOException {
    List<Peer> peers = ServiceLoader.load(Peer.class).stream().map(p -> p.get()).toList();
    Assumptions.assumeFalse(
        peers.isEmpty(), "the peers are not on the class path: mvn -Ppeers builds with them");
    List<Row> rows =
        once(
            "--threads",
            "" + MOST,
            "--peers",
            peers.stream().map(Peer::name).collect(Collectors.joining(",")));
    for (Peer peer : peers) {
      for (Peer.Setting setting : peer.settings()) {
        List<Row> own = rows.stream().filter(r -> r.peer().equals(setting.name())).toList();
        assertFalse(own.isEmpty(), setting.name());
        for (Row row : own) {
          assertTrue(row.hasRatio() || row.peerPath().startsWith("not loaded: "), row.line());
          assertFalse(row.peerPath().isEmpty(), row.line());
        }
      }
    }
  }

  @Test
  void slowerThanBeforeExitsWithOne() throws IOException {
    Path csv = directory.resolve("before.csv");
    ResultFile.write(csv, once("--stem", "relu", "--threads", "1"));
    Run slower = compareWithBefore(csv, 1e6);
    assertEquals(1, slower.exit(), "exit");
    assertEquals(
        2,
        slower.out().stream().filter(l -> l.startsWith("slower: relu 65x33 ")).count(),
        slower.out().toString());
    assertTrue(
        slower.out().stream()
            .filter(l -> l.startsWith("slower: "))
            .allMatch(l -> l.matches(".* of the roofline, measured again .* % and .* %, was .*")),
        slower.out().toString());
    Run faster = compareWithBefore(csv, 1e-6);
    assertEquals(0, faster.exit(), faster.err());
    assertTrue(faster.out().contains("nothing got slower beyond the noise"));
  }

  /** Compares with a file whose percentages are so many times those of now. */
  private Run compareWithBefore(Path csv, double factor) {
    List<Row> rows =
        ResultFile.read(csv).stream()
            .map(
                r ->
                    new Row(
                        r.stem(),
                        r.shape(),
                        r.mode(),
                        r.threads(),
                        r.backend(),
                        r.medianNanos(),
                        r.gflops(),
                        r.gbps(),
                        factor * Math.max(0.1, r.rooflinePct()),
                        r.peer(),
                        r.peerPath(),
                        r.peerMedianNanos(),
                        r.ratio()))
            .toList();
    Path changed = directory.resolve("changed.csv");
    ResultFile.write(changed, rows);
    return bench(
        "--once",
        "--quiet",
        "--shapes",
        directory.toString(),
        "--stem",
        "relu",
        "--threads",
        "1",
        "--compare",
        changed.toString());
  }

  @Test
  void reportHoldsAllRows() throws IOException {
    Path csv = directory.resolve("measured.csv");
    List<Row> rows =
        List.of(
            Row.parse(
                "ceiling,registers,fma,1,vector,1000,200.000,0.000,100.0,machine,a; b,1000,1"),
            Row.parse("ceiling,65536,copy,1,vector,1000,0.000,40.000,100.0,machine,a; b,1000,1"),
            Row.parse("gemm_f32,64x64x64,NN,1,vector,4000,131.1,12.3,65.0,blas,fast core,2000,0.5"),
            Row.parse("gemm_f32,64x64x64,NT,1,vector,4000,131.1,12.3,65.0,blas,fast core,6000,1.5"),
            Row.parse("relu,65x33,forward,1,vector,900,2.4,19.1,47.0,torch,not loaded: no,,"));
    ResultFile.write(csv, rows);
    Path causes = directory.resolve("causes.csv");
    Files.writeString(
        causes,
        Causes.HEADER
            + "\ngemm_f32,64x64x64,NT,*,blas,not this row,nobody"
            + "\ngemm_f32,*,NN,1,blas,misses of the second level,perf stat\n");
    Run run = bench("report", csv.toString(), "--out", directory.toString());
    assertEquals(0, run.exit(), run.err());
    String report = Files.readString(directory.resolve("REPORT.md"));
    assertTrue(report.contains("| gemm_f32 | blas | 1 | 2 | 1 | 0.50 | 0.87 | 1.50 |"), report);
    assertTrue(report.contains("| blas | 2.0 | 0.50 |"), report);
    assertTrue(
        report.contains(
            "| 0.50 | gemm_f32 | 64x64x64 | NN | 1 | blas | 65.0 | misses of the second level |"
                + " perf stat |"),
        report);
    assertFalse(report.contains("not this row"), report);
    assertTrue(report.contains("| torch | not loaded: no |"), report);
    if (!report.contains("cannot draw text")) {
      assertTrue(report.contains("](report-roofline.png)"), report);
      assertTrue(Files.size(directory.resolve("report-roofline.png")) > 1000);
      assertTrue(Files.size(directory.resolve("report-gemm_f32.png")) > 1000);
    }
    assertBadInput(
        bench("report", directory.resolve("none.csv").toString()), "the file cannot be read");
    Files.writeString(causes, Causes.HEADER + "\ngemm_f32,NN,1\n");
    String[] again = {"report", csv.toString(), "--out", directory.toString(), "--causes", ""};
    again[5] = causes.toString();
    assertBadInput(bench(again), "causes.csv: line 2 has 3 columns, expected 7");
    Files.writeString(causes, "stem,cause\n");
    assertBadInput(bench(again), "expected the first line " + Causes.HEADER);
    again[5] = directory.resolve("none.csv").toString();
    assertBadInput(bench(again), "none.csv: the file cannot be read");
  }

  @Test
  void builtInShapesAreWellFormed() {
    assertFalse(ShapeFiles.of("ceiling", 1, null).isEmpty());
    for (StemCases stem : Stems.ALL) {
      assertFalse(ShapeFiles.of(stem.stem(), stem.dimensionCount(), null).isEmpty());
    }
  }

  @Test
  void badUsageIsOneSentence() throws IOException {
    String tiny = directory.toString();
    assertBadInput(bench("--no-such-option"), "--no-such-option");
    assertBadInput(bench("--stem", "gemm"), "no benchmark of the stem gemm; expected gemm_f32, ");
    assertBadInput(bench("--stem", "ceiling"), "no benchmark of the stem ceiling");
    assertBadInput(bench("--threads", "two"), "two");
    assertBadInput(bench("--threads", "0"), "--threads is 0");
    assertBadInput(bench("--backend", "none"), "none");
    assertBadInput(bench("--peers", "fastblas"), "fastblas");
    assertBadInput(bench("--millis", "0"), "--millis is 0");
    assertBadInput(bench("--csv", directory.resolve("none/out.csv").toString()), "written");
    assertBadInput(
        bench("--shapes", tiny, "--compare", tiny + "/none.csv"), "the file cannot be read");
    assertBadInput(
        bench("--shapes", tiny, "--compare", tiny + "/relu.csv"), "expected the first line stem,");
    Path other = directory.resolve("other.csv");
    ResultFile.write(
        other,
        List.of(
            Row.parse("ceiling,registers,fma,1,vector,1000,200,0,100,machine,Other CPU,1000,1")));
    assertBadInput(
        bench("--shapes", tiny, "--compare", other.toString()), "another kind of machine");
    writeShape("gemm_f32", "64x64");
    assertBadInput(bench("--shapes", tiny), "a shape of 3 sizes, such as 64x64x64");
    writeShape("gemm_f32", "64x0x64");
    assertBadInput(bench("--shapes", tiny), "\"64x0x64,small\"");
    Files.writeString(directory.resolve("gemm_f32.csv"), "64x64x64,no header\n");
    assertBadInput(bench("--shapes", tiny), "expected the line shape,reason");
    Files.delete(directory.resolve("ceiling.csv"));
    assertBadInput(bench("--shapes", tiny), "ceiling.csv: the file cannot be read");
  }

  @Test
  void peersNeedTheirProfile() {
    boolean there = ServiceLoader.load(Peer.class).iterator().hasNext();
    Run run = bench("--peers", "fastblas");
    assertBadInput(run, there ? "there is no peer fastblas" : "-Ppeers");
  }

  @Test
  void helpIsThere() {
    Run run = bench("--help");
    assertEquals(0, run.exit(), "exit");
    assertTrue(run.out().get(0).startsWith("Usage: limbeck bench"), run.out().toString());
  }
}
