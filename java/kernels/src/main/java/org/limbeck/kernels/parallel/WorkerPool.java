// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.limbeck.kernels.memory.Workspace;

/**
 * A fixed set of threads that share the chunks of a range with the calling thread.
 *
 * <p><b>Determinism.</b> Chunk i covers indices {@code i * chunk} to {@code (i + 1) * chunk}
 * whatever the number of threads; which thread runs it is left to chance. A kernel whose chunks
 * write disjoint results, and that combines partial results in the order of the chunks, gives the
 * same bits with any number of threads.
 *
 * <p>A range with one chunk, or a pool of one thread, runs on the calling thread alone. Nothing is
 * allocated by a call.
 *
 * <p>Threads that wait look out for work for some 100 microseconds, then sleep. On Linux, where
 * native access is enabled for this module, they are woken on another processor than the caller's.
 */
public final class WorkerPool implements AutoCloseable {
  private static final int SPINS_BEFORE_PARKING = 4_000;

  private final ReentrantLock lock = new ReentrantLock();
  private final Workspace shared = new Workspace();
  private final Workspace callerScratch = new Workspace();
  private final Worker[] workers;

  private final AtomicLong nextChunk = new AtomicLong();
  private final AtomicInteger unfinishedWorkers = new AtomicInteger();
  private volatile Throwable failure;
  private final AtomicLong epoch = new AtomicLong();
  private volatile Thread parkedCaller;
  private volatile boolean closed;
  private boolean running;

  // The task in progress: written before epoch, read after it.
  private Object kernel;
  private Object arguments;
  private RangeBody<Object, Object> body;
  private long length;
  private long chunkLength;

  /**
   * Starts a pool.
   *
   * @param threads the number of threads that share the work, the caller included; at least 1
   * @throws IllegalArgumentException if {@code threads} is less than 1
   */
  public WorkerPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(
          "WorkerPool: threads: given " + threads + ", expected at least 1");
    }
    workers = new Worker[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      workers[i] = new Worker(i + 1);
      workers[i].start();
    }
  }

  /** Returns the number of threads that share the work, the caller included. */
  public int threads() {
    return workers.length + 1;
  }

  /** Takes the pool for one kernel call; others wait. Pair it with {@link #release}. */
  public void acquire() {
    lock.lock();
    if (closed) {
      lock.unlock();
      throw new IllegalStateException("WorkerPool: given a closed pool, expected an open one");
    }
  }

  /** Lets the next kernel call have the pool. */
  public void release() {
    lock.unlock();
  }

  /**
   * Returns scratch that belongs to the kernel call as a whole, for partial results that all chunks
   * write and the caller combines. Distinct from the scratch that a {@link RangeBody} is given.
   */
  public Workspace shared() {
    return shared;
  }

  /**
   * Runs a body over the chunks of the range 0 (inclusive) to {@code length} (exclusive), and
   * returns when all are done.
   *
   * @param length the length of the range
   * @param chunkLength the length of a chunk, at least 1; the last one may be shorter
   * @param kernel the first context parameter of the body
   * @param arguments the second context parameter of the body
   * @param body the work on one chunk
   * @throws IllegalStateException if called from inside a body
   */
  @SuppressWarnings("unchecked")
  public <K, A> void forRange(
      long length, long chunkLength, K kernel, A arguments, RangeBody<K, A> body) {
    lock.lock();
    try {
      if (running) {
        throw new IllegalStateException(
            "WorkerPool.forRange: given a call from inside a body, expected no nesting");
      }
      running = true;
      if (workers.length == 0 || length <= chunkLength) {
        for (long from = 0; from < length; from += chunkLength) {
          body.run(kernel, arguments, callerScratch, from, Math.min(length, from + chunkLength));
        }
        return;
      }
      this.kernel = kernel;
      this.arguments = arguments;
      this.body = (RangeBody<Object, Object>) body;
      this.length = length;
      this.chunkLength = chunkLength;
      failure = null;
      nextChunk.set(0);
      unfinishedWorkers.set(workers.length);
      epoch.incrementAndGet();
      for (Worker worker : workers) {
        if (worker.parked) {
          worker.wake();
        }
      }
      takeChunks(callerScratch);
      awaitWorkers();
      this.kernel = null;
      this.arguments = null;
      this.body = null;
      rethrow(failure);
    } finally {
      running = false;
      lock.unlock();
    }
  }

  private void takeChunks(Workspace scratch) {
    try {
      long n = length;
      long chunk = chunkLength;
      while (true) {
        long from = nextChunk.getAndIncrement() * chunk;
        if (from >= n || failure != null) {
          return;
        }
        body.run(kernel, arguments, scratch, from, Math.min(n, from + chunk));
      }
    } catch (Throwable t) {
      // Reported on the calling thread by rethrow; the other chunks are abandoned.
      failure = t;
    }
  }

  private void awaitWorkers() {
    for (int spins = 0; spins < SPINS_BEFORE_PARKING; spins++) {
      if (unfinishedWorkers.get() == 0) {
        return;
      }
      Thread.onSpinWait();
    }
    parkedCaller = Thread.currentThread();
    while (unfinishedWorkers.get() != 0) {
      LockSupport.park(this);
    }
    parkedCaller = null;
  }

  private void workerFinished() {
    // Either the caller sees this count after it has named itself, or it is named here already.
    if (unfinishedWorkers.decrementAndGet() == 0 && parkedCaller != null) {
      LockSupport.unpark(parkedCaller);
    }
  }

  private static void rethrow(Throwable failure) {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
    // A body declares no checked exception, so there is nothing else.
  }

  /** Ends the threads and frees all scratch. A call in progress is waited for. */
  @Override
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      for (Worker worker : workers) {
        LockSupport.unpark(worker);
      }
      for (Worker worker : workers) {
        worker.joinUninterruptibly();
      }
      shared.close();
      callerScratch.close();
    } finally {
      lock.unlock();
    }
  }

  private final class Worker extends Thread {
    private final Workspace scratch = new Workspace();
    private final Arena arena = Arena.ofShared();
    private final MemorySegment processors = arena.allocate(Processors.SET_BYTES, Long.BYTES);
    private volatile boolean parked;

    // Written before the worker parks, read by the caller while it is parked.
    private int thread;
    private int processor;

    /** Whether the worker has to take its processors back; written before it is woken. */
    private volatile boolean displaced;

    Worker(int index) {
      super("limbeck-worker-" + index);
      setDaemon(true);
    }

    @Override
    public void run() {
      long seen = 0;
      thread = Processors.thread();
      try {
        while (awaitEpochAfter(seen)) {
          if (displaced) {
            displaced = false;
            Processors.allow(processors);
          }
          seen = epoch.get();
          takeChunks(scratch);
          workerFinished();
        }
      } finally {
        scratch.close();
        arena.close();
      }
    }

    /** Wakes the worker from another thread, on another processor than that thread's. */
    private void wake() {
      int mine = Processors.current();
      if (mine != Processors.UNKNOWN && mine == processor && !displaced) {
        displaced = Processors.forbid(thread, mine, processors);
      }
      LockSupport.unpark(this);
    }

    private boolean awaitEpochAfter(long seen) {
      for (int spins = 0; spins < SPINS_BEFORE_PARKING; spins++) {
        if (epoch.get() != seen) {
          return true;
        }
        Thread.onSpinWait();
      }
      while (epoch.get() == seen && !closed) {
        processor = Processors.current();
        parked = true;
        if (epoch.get() == seen && !closed) {
          LockSupport.park(WorkerPool.this);
        }
        parked = false;
      }
      return epoch.get() != seen;
    }

    private void joinUninterruptibly() {
      boolean interrupted = false;
      while (isAlive()) {
        try {
          join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
