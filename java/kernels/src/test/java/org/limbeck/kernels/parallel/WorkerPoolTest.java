// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.parallel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every index once, in fixed chunks, whatever the number of threads. */
@Timeout(60)
class WorkerPoolTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void everyIndexIsVisitedOnceInFixedChunks(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      assertEquals(threads, pool.threads());
      for (int length : new int[] {0, 1, 9, 10, 11, 1000}) {
        AtomicIntegerArray visits = new AtomicIntegerArray(length);
        var chunks = new ConcurrentSkipListMap<Long, Long>();
        pool.forRange(
            length,
            10,
            visits,
            chunks,
            (v, c, scratch, from, to) -> {
              c.put(from, to);
              for (long i = from; i < to; i++) {
                v.incrementAndGet((int) i);
              }
            });
        for (int i = 0; i < length; i++) {
          assertEquals(1, visits.get(i));
        }
        chunks.forEach(
            (from, to) -> {
              assertEquals(0, from % 10);
              assertEquals(Math.min(length, from + 10), to);
            });
      }
    }
  }

  @Test
  void manyShortRangesAllFinish() {
    try (WorkerPool pool = new WorkerPool(3)) {
      AtomicIntegerArray count = new AtomicIntegerArray(1);
      for (int i = 0; i < 20_000; i++) {
        pool.forRange(4, 1, count, null, (c, none, scratch, from, to) -> c.incrementAndGet(0));
      }
      assertEquals(80_000, count.get(0));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void aFailureReachesTheCallerAndThePoolGoesOn(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      var failure = new ArithmeticException("chunk 7");
      var caught =
          assertThrows(
              ArithmeticException.class,
              () ->
                  pool.forRange(
                      100,
                      1,
                      failure,
                      null,
                      (f, none, scratch, from, to) -> {
                        if (from == 7) {
                          throw f;
                        }
                      }));
      assertSame(failure, caught);
      AtomicIntegerArray count = new AtomicIntegerArray(1);
      pool.forRange(50, 1, count, null, (c, none, scratch, from, to) -> c.incrementAndGet(0));
      assertEquals(50, count.get(0));
    }
  }

  @Test
  void nestingIsRefused() {
    try (WorkerPool pool = new WorkerPool(1)) {
      assertThrows(
          IllegalStateException.class,
          () ->
              pool.forRange(
                  1,
                  1,
                  pool,
                  null,
                  (p, none, scratch, from, to) ->
                      p.forRange(1, 1, null, null, (a, b, c, d, e) -> {})));
    }
  }

  @Test
  void callsFromSeveralThreadsTakeTurns() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(2)) {
      Set<Long> sums = ConcurrentHashMap.newKeySet();
      Runnable caller =
          () -> {
            long[] sum = new long[10];
            for (int i = 0; i < 500; i++) {
              pool.acquire();
              try {
                pool.forRange(10, 1, sum, null, (s, none, scratch, from, to) -> s[(int) from]++);
              } finally {
                pool.release();
              }
            }
            for (long s : sum) {
              sums.add(s);
            }
          };
      Thread one = new Thread(caller);
      Thread two = new Thread(caller);
      one.start();
      two.start();
      one.join();
      two.join();
      assertEquals(Set.of(500L), sums);
    }
  }

  @Test
  void aClosedPoolIsRefused() {
    WorkerPool pool = new WorkerPool(2);
    pool.close();
    pool.close();
    assertThrows(IllegalStateException.class, pool::acquire);
    assertThrows(IllegalArgumentException.class, () -> new WorkerPool(0));
  }

  @Test
  void workersThatHaveParkedWakeUp() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(3)) {
      AtomicIntegerArray count = new AtomicIntegerArray(1);
      for (int i = 0; i < 50; i++) {
        // Longer than workers look out for work.
        Thread.sleep(2);
        pool.forRange(30, 1, count, null, (c, none, scratch, from, to) -> c.incrementAndGet(0));
      }
      assertEquals(1500, count.get(0));
    }
  }
}
