// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.limbeck.kernels.backend.BackendProvider.Attempt;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.Op;

/**
 * The backends of this process, best first, and for each one that is absent the reason.
 *
 * <p>Two system properties steer it. {@code limbeck.require}, a comma-separated list, makes a
 * missing backend an error when backends are discovered: for continuous integration, where a
 * backend that silently fails to load must not turn its tests into nothing. {@code
 * limbeck.backends}, likewise a list, limits selection to those named; one that cannot load is an
 * error.
 */
public final class Backends implements AutoCloseable {
  /** The system property that names the backends that must be there. */
  public static final String REQUIRE_PROPERTY = "limbeck.require";

  /** The system property that limits selection to the backends it names. */
  public static final String ONLY_PROPERTY = "limbeck.backends";

  /** Backends of modules of their own: named in reports also when their module is missing. */
  private static final Map<String, String> ELSEWHERE =
      Map.of("cuda", "limbeck-cuda", "native", "limbeck-native");

  /**
   * A backend that cannot be had.
   *
   * @param name its name
   * @param reason why
   * @param remedy what would help, or empty
   */
  public record Missing(String name, String reason, String remedy) {
    @Override
    public String toString() {
      return name + ": " + reason + (remedy.isEmpty() ? "" : "; " + remedy);
    }
  }

  private final List<Backend> backends;
  private final Map<String, Missing> missing;

  private Backends(List<Backend> backends, Map<String, Missing> missing) {
    this.backends = List.copyOf(backends);
    this.missing = missing;
  }

  /**
   * Finds all backends and opens those that can be had.
   *
   * @throws BackendUnavailableException if one named by {@code limbeck.require} or {@code
   *     limbeck.backends} is absent
   */
  public static Backends discover() {
    List<BackendProvider> providers = new ArrayList<>();
    Map<String, Missing> missing = new LinkedHashMap<>();
    var found =
        ServiceLoader.load(BackendProvider.class, Backends.class.getClassLoader()).iterator();
    while (true) {
      try {
        if (!found.hasNext()) {
          break;
        }
        providers.add(found.next());
      } catch (ServiceConfigurationError e) {
        missing.put("unknown", new Missing("unknown", "a provider failed: " + e.getMessage(), ""));
      }
    }
    return open(providers, missing)
        .requireAll(names(REQUIRE_PROPERTY))
        .limitTo(names(ONLY_PROPERTY));
  }

  /**
   * Opens the backends of some providers, without looking for others.
   *
   * @param providers the providers
   */
  public static Backends of(Collection<? extends BackendProvider> providers) {
    return open(new ArrayList<>(providers), new LinkedHashMap<>());
  }

  private static Backends open(List<BackendProvider> providers, Map<String, Missing> missing) {
    providers.sort(Comparator.comparingInt(BackendProvider::rank).reversed());
    List<Backend> opened = new ArrayList<>();
    for (BackendProvider provider : providers) {
      Attempt attempt = provider.open();
      if (attempt instanceof Attempt.Opened there) {
        opened.add(there.backend());
      } else if (attempt instanceof Attempt.Absent absent) {
        String name = provider.name();
        missing.put(name, new Missing(name, absent.reason(), absent.remedy()));
      }
    }
    ELSEWHERE.keySet().stream()
        .sorted()
        .filter(name -> providers.stream().noneMatch(p -> p.name().equals(name)))
        .forEach(
            name ->
                missing.put(
                    name,
                    new Missing(
                        name,
                        "its module is not on the module path or class path",
                        "add the artifact " + ELSEWHERE.get(name))));
    return new Backends(opened, missing);
  }

  private static List<String> names(String property) {
    return parseNames(System.getProperty(property, ""));
  }

  private static List<String> parseNames(String list) {
    return list.isBlank() ? List.of() : List.of(list.trim().split("\\s*,\\s*"));
  }

  /** Returns the backends that are there, best first. */
  public List<Backend> available() {
    return backends;
  }

  /** Returns the backends that are absent, with reasons. */
  public List<Missing> missing() {
    return List.copyOf(missing.values());
  }

  /**
   * Returns the backends with these names only, in the order of their ranks.
   *
   * @param names names of backends; an empty list means all
   * @throws BackendUnavailableException if one of them is absent
   */
  public Backends limitTo(List<String> names) {
    if (names.isEmpty()) {
      return this;
    }
    requireAll(names);
    return new Backends(backends.stream().filter(b -> names.contains(b.name())).toList(), missing);
  }

  /**
   * Checks that these backends are there.
   *
   * @param names names of backends
   * @return this
   * @throws BackendUnavailableException if one of them is absent
   */
  public Backends requireAll(List<String> names) {
    for (String name : names) {
      if (backends.stream().noneMatch(b -> b.name().equals(name))) {
        Missing reason =
            missing.getOrDefault(
                name, new Missing(name, "no backend has this name", "expected " + allNames()));
        throw new BackendUnavailableException("backend asked for by name is absent: " + reason);
      }
    }
    return this;
  }

  private String allNames() {
    return Stream.concat(backends.stream().map(Backend::name), missing.keySet().stream())
        .distinct()
        .collect(Collectors.joining(", "));
  }

  /**
   * Selects the best kernel for an operation on a device.
   *
   * @param op the operation
   * @param spec the specification
   * @param device where the tensors are
   * @return the first kernel in the list that supports the specification
   * @throws BackendUnavailableException if none does; the message holds the reasons
   */
  public <S, A> Selection<A> select(Op<S, A> op, S spec, Device device) {
    List<Selection.Rejection> rejected = new ArrayList<>();
    missing.values().forEach(m -> rejected.add(new Selection.Rejection(m.name(), m.reason())));
    for (Backend backend : backends) {
      if (!backend.device().equals(device)) {
        rejected.add(
            new Selection.Rejection(
                backend.name(), "works on " + backend.device() + ", not on " + device));
        continue;
      }
      Support<A> support = backend.support(op, spec);
      if (support instanceof Support.Yes<A> yes) {
        return new Selection<>(op, backend.name(), yes.kernel(), rejected);
      } else if (support instanceof Support.No<A> no) {
        rejected.add(new Selection.Rejection(backend.name(), no.reason()));
      }
    }
    throw new BackendUnavailableException(
        "no backend can run " + op + " on " + device + ": " + reasons(rejected, device));
  }

  /** Of a device, the reasons of its own backends are the whole answer. */
  private String reasons(List<Selection.Rejection> rejected, Device device) {
    Set<String> there =
        backends.stream()
            .filter(b -> b.device().equals(device))
            .map(Backend::name)
            .collect(Collectors.toSet());
    return rejected.stream()
        .filter(r -> device.isHost() || there.contains(r.backend()))
        .map(Selection.Rejection::toString)
        .collect(Collectors.joining("; "));
  }

  /** Closes the backends. */
  @Override
  public void close() {
    backends.forEach(Backend::close);
  }
}
