// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.limbeck.bench.peer.Peer;
import org.openjdk.jmh.runner.RunnerException;

/**
 * Measures single cases again: in new processes, for longer, with ceilings of their own, and beside
 * their steadiest peer where they have one.
 *
 * @param cases all cases of the run
 * @param peers its peers
 * @param sizes the sizes of the ceilings' buffers
 * @param millis about how long a case takes
 * @param once whether one call each is enough, for a check
 * @param jmh whether JMH measures
 * @param problems takes a sentence for each case that failed
 * @param progress is told of each case
 */
record Repeats(
    List<Worker.Request> cases,
    List<Peer> peers,
    List<String> sizes,
    int millis,
    boolean once,
    boolean jmh,
    Consumer<String> problems,
    Progress progress)
    implements Function<List<Comparison.Suspect>, Comparison.Measured> {

  /** What goes into one process. */
  private record Group(int threads, String beside) {}

  @Override
  public Comparison.Measured apply(List<Comparison.Suspect> suspects) {
    Map<Group, List<String>> groups =
        suspects.stream()
            .collect(
                Collectors.groupingBy(
                    s -> new Group(s.threads(), s.beside()),
                    LinkedHashMap::new,
                    Collectors.mapping(Comparison.Suspect::key, Collectors.toList())));
    List<Integer> threads = groups.keySet().stream().map(Group::threads).distinct().toList();
    progress.again(suspects.size(), groups.size(), threads.size(), millis, once);
    Ceilings ceilings = Ceilings.measure(threads, sizes, once);
    List<QuickRun.Outcome> outcomes = new ArrayList<>();
    QuickRun run = new QuickRun(ceilings, millis, once, outcomes::add, problems, progress);
    groups.forEach(
        (group, keys) -> {
          List<Worker.Request> of =
              cases.stream().filter(c -> keys.contains(c.key(group.threads()))).toList();
          if (jmh) {
            jmh(of, group.threads(), ceilings, outcomes);
          } else {
            run.again(of, peers, group.beside(), group.threads());
          }
        });
    return new Comparison.Measured(outcomes, ceilings.rows());
  }

  private void jmh(
      List<Worker.Request> of, int threads, Ceilings ceilings, List<QuickRun.Outcome> outcomes) {
    try {
      JmhRun.run(of, List.of(threads), ceilings, once, true, outcomes::add);
    } catch (RunnerException e) {
      problems.accept("a benchmark failed when it was measured again: " + e.getMessage());
    }
  }
}
