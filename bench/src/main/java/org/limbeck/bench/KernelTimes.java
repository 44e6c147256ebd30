// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Map;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/**
 * Times each call on the thread that made it: two readings of the clock a call, nothing else
 * changes. Meant for the host, where a call returns when the work is done.
 *
 * @param nanosByStem takes the time spent in each stem, which kernels add to
 */
record KernelTimes(Map<String, Long> nanosByStem) implements WatchedBackend.Watch {
  @Override
  public <A> Kernel<A> selected(String backend, Op<?, A> op, Kernel<A> kernel) {
    return (arguments, pool) -> {
      long begin = System.nanoTime();
      kernel.run(arguments, pool);
      nanosByStem.merge(op.stem(), System.nanoTime() - begin, Long::sum);
    };
  }
}
