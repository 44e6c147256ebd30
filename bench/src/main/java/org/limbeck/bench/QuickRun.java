// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.limbeck.bench.cases.Work;
import org.limbeck.bench.peer.Peer;

/**
 * Measures cases beside peers: a process for each setting of a peer and number of threads, in which
 * ours and the peer's calls alternate. Cases that no peer has a counterpart for are measured alone.
 */
final class QuickRun {
  /**
   * A row of results with what the file does not hold.
   *
   * @param row the row
   * @param ceiling the key of the ceiling that sets its roofline
   * @param spread the spread of its ratios, or of our times without a peer
   * @param ourSpread the spread of our times
   * @param kept the pairs that count
   * @param taken all pairs
   */
  record Outcome(Row row, String ceiling, double spread, double ourSpread, int kept, int taken) {
    /** Returns whether so many pairs were disturbed that the others had to count as well. */
    boolean disturbed() {
      return kept < Paired.FEWEST_PAIRS && taken >= Paired.FEWEST_PAIRS;
    }
  }

  /** One process to start. */
  private record Part(Peer peer, Peer.Setting setting, int threads) {
    String label() {
      return (setting == null ? "no peer" : setting.name()) + ", threads: " + threads;
    }
  }

  private final Ceilings ceilings;
  private final int millis;
  private final boolean once;
  private final Consumer<Outcome> rows;
  private final Consumer<String> problems;
  private final Progress progress;
  private final Set<String> withPeer = new HashSet<>();
  private final Set<String> checked = new HashSet<>();
  private int failures;

  /**
   * Sets what a run needs.
   *
   * @param ceilings those of this run
   * @param millis about how long a case takes beside a peer
   * @param once whether one call each is enough, for a check
   * @param rows takes rows as they come
   * @param problems takes a sentence for each case that failed
   * @param progress is told of each case
   */
  QuickRun(
      Ceilings ceilings,
      int millis,
      boolean once,
      Consumer<Outcome> rows,
      Consumer<String> problems,
      Progress progress) {
    this.ceilings = ceilings;
    this.millis = millis;
    this.once = once;
    this.rows = rows;
    this.problems = problems;
    this.progress = progress;
  }

  /**
   * Measures all cases.
   *
   * @return how many failed
   */
  int run(List<Worker.Request> cases, List<Peer> peers, List<Integer> threads) {
    List<Part> parts = new ArrayList<>();
    for (Peer peer : peers) {
      for (Peer.Setting setting : peer.settings()) {
        threads.forEach(n -> parts.add(new Part(peer, setting, n)));
      }
    }
    int beside = parts.stream().mapToInt(part -> casesOf(part, cases).size()).sum();
    int alone = (int) cases.stream().filter(c -> !hasPeer(c, peers)).count() * threads.size();
    int processes = parts.size() + (alone > 0 ? threads.size() : 0);
    progress.begin(beside + alone, processes, threads.size(), millis, once);
    progress.expect(beside);
    parts.forEach(part -> run(part, casesOf(part, cases)));
    for (int n : threads) {
      List<Worker.Request> left = cases.stream().filter(c -> !withPeer.contains(c.key(n))).toList();
      progress.expect(left.size());
      run(new Part(null, null, n), left);
    }
    return failures;
  }

  private static boolean hasPeer(Worker.Request c, List<Peer> peers) {
    return peers.stream().anyMatch(peer -> peer.stems().contains(c.stem()));
  }

  private static List<Worker.Request> casesOf(Part part, List<Worker.Request> cases) {
    return cases.stream().filter(c -> part.peer().stems().contains(c.stem())).toList();
  }

  /**
   * Measures cases again in a process of their own, beside a peer's setting if it has one.
   *
   * @param setting the name of the setting; empty for none
   */
  void again(List<Worker.Request> cases, List<Peer> peers, String setting, int threads) {
    Part part = new Part(null, null, threads);
    for (Peer peer : peers) {
      for (Peer.Setting one : peer.settings()) {
        if (one.name().equals(setting)) {
          part = new Part(peer, one, threads);
        }
      }
    }
    progress.expect(cases.size());
    run(part, cases);
  }

  private void run(Part part, List<Worker.Request> cases) {
    Deque<Worker.Request> left = new ArrayDeque<>(cases);
    // A process that ends takes the case in progress with it, and the next one goes on.
    while (!left.isEmpty()) {
      Set<String> warm = new HashSet<>();
      try (WorkerProcess worker =
          new WorkerProcess(part.peer(), part.setting(), part.threads(), millis, once)) {
        boolean alive = true;
        boolean answered = false;
        while (alive && !left.isEmpty()) {
          Worker.Request request = left.remove();
          String kernel = request.stem() + request.mode() + request.backend();
          boolean right = checked.contains(request.key(part.threads()));
          progress.at(part.label() + ", " + request.stem() + " " + request.shape());
          alive = take(part, request, worker.ask(request.with(warm.add(kernel), right)));
          answered |= alive;
        }
        if (!answered) {
          return; // it cannot even begin, and another one could not either
        }
      }
    }
  }

  /** Returns whether the process goes on. */
  private boolean take(Part part, Worker.Request request, WorkerProcess.Answer answer) {
    switch (answer.kind()) {
      case Worker.MEASURED -> measured(part, request, answer.fields());
      case Worker.ABSENT -> {}
      default -> {
        failures++;
        if (answer.kind().equals(Worker.FAILED)) {
          // Alone it would fail again; where the process ended, it may have been the peer.
          withPeer.add(request.key(part.threads()));
        }
        problems.accept(
            String.join(" ", request.stem(), request.shape(), request.label())
                + " ("
                + part.label()
                + "): "
                + answer.fields().get(0));
      }
    }
    return answer.kind().equals(Worker.MEASURED)
        || answer.kind().equals(Worker.ABSENT)
        || answer.kind().equals(Worker.FAILED);
  }

  private void measured(Part part, Worker.Request request, List<String> f) {
    checked.add(request.key(part.threads()));
    double nanos = Double.parseDouble(f.get(0));
    Work work =
        new Work(
            Work.Arithmetic.valueOf(f.get(6)),
            Double.parseDouble(f.get(7)),
            Double.parseDouble(f.get(8)),
            Double.parseDouble(f.get(9)));
    Ceilings.Roofline roofline =
        ceilings.roofline(work, part.threads(), Long.parseLong(f.get(10)), request.cold());
    Row row =
        Row.of(
            request.stem(),
            request.shape(),
            request.label(),
            part.threads(),
            request.backend(),
            nanos,
            work,
            roofline.nanos());
    if (part.peer() != null) {
      withPeer.add(request.key(part.threads()));
      double peerNanos = Double.parseDouble(f.get(1));
      row = row.beside(part.setting().name(), f.get(11), peerNanos, Double.parseDouble(f.get(2)));
    }
    rows.accept(
        new Outcome(
            row,
            roofline.ceiling(),
            Double.parseDouble(f.get(3)),
            Double.parseDouble(f.get(12)),
            Integer.parseInt(f.get(4)),
            Integer.parseInt(f.get(5))));
  }
}
