// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/** The kernels of a backend by operation: what a backend's {@code support} looks things up in. */
public final class KernelTable {
  private final Map<Op<?, ?>, Function<?, ? extends Support<?>>> factories = new LinkedHashMap<>();

  /** Creates a table without operations. */
  public KernelTable() {}

  /**
   * Adds the kernel of an operation that is there for every specification.
   *
   * @param op the operation
   * @param factory makes the kernel for a specification
   * @return this table
   */
  public <S, A> KernelTable add(Op<S, A> op, Function<S, Kernel<A>> factory) {
    return addIf(op, spec -> new Support.Yes<>(factory.apply(spec)));
  }

  /**
   * Adds the kernel of an operation that is there for some specifications.
   *
   * @param op the operation
   * @param factory answers for a specification
   * @return this table
   */
  public <S, A> KernelTable addIf(Op<S, A> op, Function<S, Support<A>> factory) {
    if (factories.putIfAbsent(op, factory) != null) {
      throw new IllegalStateException("KernelTable: " + op + " is there twice");
    }
    return this;
  }

  /** Returns the operations that have a kernel. */
  public Set<Op<?, ?>> operations() {
    return factories.keySet();
  }

  /**
   * Returns the kernel for an operation, or the reason why there is none.
   *
   * @param op the operation
   * @param spec the specification
   */
  @SuppressWarnings("unchecked") // addIf ties the type of the key to that of the value
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    Function<?, ?> factory = factories.get(op);
    if (factory == null) {
      return new Support.No<>("has no kernel for " + op);
    }
    return ((Function<S, Support<A>>) factory).apply(spec);
  }
}
