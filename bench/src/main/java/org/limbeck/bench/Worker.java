// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.cases.DifferenceException;
import org.limbeck.bench.cases.Shapes;
import org.limbeck.bench.cases.StemCases;
import org.limbeck.bench.cases.Stems;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.bench.peer.PeerUnavailableException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;

/**
 * A process that measures cases beside one peer in one setting. Requests come on the standard
 * input, answers go to the standard output, both a line each with tabs between the fields; lines of
 * others there, such as a peer's own messages, begin otherwise.
 */
final class Worker {
  static final String MARK = "limbeck-bench";
  static final String MEASURED = "measured";
  static final String ABSENT = "absent";
  static final String FAILED = "failed";

  /** Peers round and sum in their own order, in float32 where ours sums in double. */
  private static final double PEER_SLACK = 8;

  /** Where no other threads wait for a call. */
  private static final Runnable NO_REST = () -> {};

  private static final int CALIBRATION_SETTLE_MILLIS = 200;
  // The least; what still gets faster then goes on.
  private static final int WARM_UP_MILLIS = 250;
  private static final int SETTLE_MILLIS = 50;
  private static final int FIRST_SETTLE_MILLIS = 300;

  private final PrintStream out;
  private final int threads;
  private final int millis;
  private final boolean once;

  private Worker(PrintStream out, int threads, int millis, boolean once) {
    this.out = out;
    this.threads = threads;
    this.millis = millis;
    this.once = once;
  }

  /** Answers requests until the input ends. Arguments: peer or "", threads, millis, once. */
  public static void main(String[] arguments) throws IOException {
    String peer = arguments[0];
    Worker worker =
        new Worker(
            System.out,
            Integer.parseInt(arguments[1]),
            Integer.parseInt(arguments[2]),
            Boolean.parseBoolean(arguments[3]));
    // What a peer prints must not end up between the fields of an answer.
    System.setOut(System.err);
    PeerSession session = null;
    String problem = "";
    if (!peer.isEmpty()) {
      try {
        session = PeerFinder.find(peer).open(worker.threads);
      } catch (PeerUnavailableException e) {
        problem = "not loaded: " + e.getMessage();
      }
    }
    try (PeerSession closed = session;
        BufferedReader requests =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      worker.answer(requests, closed, problem);
    }
    // A peer's threads must not keep the process alive.
    System.exit(0);
  }

  private void answer(BufferedReader requests, PeerSession session, String problem)
      throws IOException {
    CeilingsBenchmark loops = new CeilingsBenchmark();
    loops.threads = threads;
    loops.shape = 64L * threads;
    loops.warmUpMillis = 0;
    loops.open();
    // A loop that is still being compiled would hold the first pairs up.
    Bench.settle(once ? 0 : CALIBRATION_SETTLE_MILLIS, loops::fma);
    Calibration calibration = Calibration.of(loops::fma);
    try (Limbeck reference = Limbeck.open(List.of("scalar"), 1)) {
      for (String line = requests.readLine(); line != null; line = requests.readLine()) {
        Request request = Request.parse(line);
        try (Limbeck limbeck = Chosen.open(request.backend(), threads)) {
          measure(request, limbeck, reference, session, problem, calibration);
        } catch (DifferenceException | BackendUnavailableException e) {
          say(FAILED, e.getMessage());
        }
      }
    }
    loops.close();
  }

  private void measure(
      Request request,
      Limbeck limbeck,
      Limbeck reference,
      PeerSession session,
      String problem,
      Calibration calibration) {
    StemCases stem = Stems.find(request.stem()).orElseThrow();
    String path = problem;
    if (session != null) {
      path = session.path();
      if (!checkPeer(stem, request.mode(), limbeck, session)) {
        say(ABSENT, "");
        return;
      }
    }
    int warmUp = once ? 0 : WARM_UP_MILLIS;
    try (Prepared prepared =
        Prepared.open(
            stem,
            request.mode(),
            Shapes.sizes(request.shape()),
            request.cold(),
            limbeck,
            reference,
            request.checked(),
            request.firstOfMode() ? warmUp : 0)) {
      if (!once) {
        // Other shapes may take other ways through the kernels.
        Bench.settle(request.firstOfMode() ? FIRST_SETTLE_MILLIS : SETTLE_MILLIS, prepared.ours());
      }
      Paired paired;
      if (session == null) {
        paired = Paired.run(prepared.ours(), null, NO_REST, calibration, millis, once);
      } else {
        try (PeerCalls peer = new PeerCalls(session)) {
          Runnable theirs = prepared.inTurn(peer::open);
          path += peer.path();
          Runnable rest = threads == 1 ? NO_REST : Rest::await;
          paired = Paired.run(prepared.ours(), theirs, rest, calibration, millis, once);
        }
      }
      say(
          MEASURED,
          Double.toString(paired.nanos()),
          Double.toString(paired.peerNanos()),
          Double.toString(paired.ratio()),
          Double.toString(paired.spread()),
          Integer.toString(paired.kept()),
          Integer.toString(paired.taken()),
          prepared.first().work().arithmetic().name(),
          Double.toString(prepared.first().work().flops()),
          Double.toString(prepared.first().work().readBytes()),
          Double.toString(prepared.first().work().writtenBytes()),
          Long.toString(prepared.first().footprint()),
          path,
          Double.toString(paired.ourSpread()));
    }
  }

  /** Returns whether the peer has a counterpart; where it has, its results are those of ours. */
  private static boolean checkPeer(
      StemCases stem, String mode, Limbeck limbeck, PeerSession session) {
    try (Case inputs = stem.openSmall(mode);
        Case ours = inputs.twin();
        Case theirs = inputs.twin()) {
      Optional<PeerCall> found = session.call(inputs);
      if (found.isEmpty()) {
        return false;
      }
      try (PeerCall call = found.get()) {
        ours.bind(limbeck).run();
        theirs.compare(ours, call.store(theirs), "Limbeck", PEER_SLACK * call.slack());
      }
      return true;
    }
  }

  /** The peer's calls on the copies of a case. */
  private static final class PeerCalls implements AutoCloseable {
    private final PeerSession session;
    private final List<PeerCall> calls = new ArrayList<>();

    PeerCalls(PeerSession session) {
      this.session = session;
    }

    Runnable open(Case copy) {
      PeerCall call = session.call(copy).orElseThrow();
      calls.add(call);
      return call::run;
    }

    /** Returns what the library chose for the first copy. */
    String path() {
      String chosen = calls.get(0).path();
      return chosen.isEmpty() ? "" : "; " + chosen;
    }

    @Override
    public void close() {
      calls.forEach(PeerCall::close);
    }
  }

  private void say(String kind, String... fields) {
    out.print(MARK + "\t" + kind);
    for (String field : fields) {
      out.print("\t" + field.replaceAll("\\s+", " "));
    }
    out.println();
    out.flush();
  }

  /**
   * One case to measure.
   *
   * @param stem the stem
   * @param shape the shape
   * @param mode what to run of it
   * @param cold whether the caches are to miss
   * @param backend our backend
   * @param firstOfMode whether this process has its kernels still to warm up
   * @param checked whether an earlier process found its results to be right
   */
  record Request(
      String stem,
      String shape,
      String mode,
      boolean cold,
      String backend,
      boolean firstOfMode,
      boolean checked) {
    /** Makes one that no process has measured yet. */
    static Request of(String stem, String shape, String mode, boolean cold, String backend) {
      return new Request(stem, shape, mode, cold, backend, false, false);
    }

    static Request parse(String line) {
      String[] f = line.split("\t", -1);
      return new Request(
          f[0],
          f[1],
          f[2],
          Boolean.parseBoolean(f[3]),
          f[4],
          Boolean.parseBoolean(f[5]),
          Boolean.parseBoolean(f[6]));
    }

    String line() {
      return String.join(
          "\t", stem, shape, mode, "" + cold, backend, "" + firstOfMode, "" + checked);
    }

    /** Returns the mode as results name it. */
    String label() {
      return mode + (cold ? Prepared.COLD_SUFFIX : "");
    }

    /** Returns {@link Row#key} of its results. */
    String key(int threads) {
      return String.join(",", stem, shape, label(), Integer.toString(threads), backend);
    }

    Request with(boolean first, boolean right) {
      return new Request(stem, shape, mode, cold, backend, first, right);
    }
  }
}
