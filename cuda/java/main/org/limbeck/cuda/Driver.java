// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.lang.foreign.MemorySegment;

/**
 * What the backend needs of a device: memory, copies, kernels by their names, and one stream, in
 * whose order everything happens. One per process and device; any thread may call it.
 *
 * <p>Areas are {@code height} rows of {@code width} bytes, whose beginnings are a pitch apart. Each
 * call throws {@link CudaException} if the driver refuses it.
 */
interface Driver extends DeviceHeap {
  /** Returns the device for people: its name and what it can do. */
  String description();

  /** Returns the number of multiprocessors. */
  int multiprocessors();

  /** Returns how much shared memory a block may have. */
  int sharedBytes();

  /** Returns whether kernels for sm_90a run: warp groups multiply, and the copy engine fetches. */
  boolean warpGroups();

  /**
   * Makes a map for the copy engine, in four dimensions, with boxes of lines of 128 bytes whose
   * chunks are exchanged, and zeros outside.
   *
   * @param map the map, {@link TensorMap#BYTES}
   * @param address where element 0 is, a multiple of 16
   * @param layout sizes, strides, box, steps and type, as {@link TensorMap} lays them
   */
  void encode(MemorySegment map, long address, MemorySegment layout);

  /** Returns whether kernels whose blocks form clusters can be launched. */
  boolean clusters();

  /** Queues zeros. */
  void zero(long target, long pitch, long width, long height);

  /** Queues a copy on the device. */
  void copy(long source, long sourcePitch, long target, long targetPitch, long width, long height);

  /** Copies from the host, behind everything that is queued, and waits. */
  void upload(
      MemorySegment source,
      long sourcePitch,
      long target,
      long targetPitch,
      long width,
      long height);

  /** Copies to the host, behind everything that is queued, and waits. */
  void download(
      long source,
      long sourcePitch,
      MemorySegment target,
      long targetPitch,
      long width,
      long height);

  /**
   * Returns a handle of a kernel. The first for a stem loads its image.
   *
   * @param signature the name, the stem, and what the kernel takes
   */
  long function(KernelSignature signature);

  /** Lets a kernel have so many bytes of dynamic shared memory; more than 48 KiB need this. */
  void allowShared(long function, int bytes);

  /**
   * Queues a kernel.
   *
   * @param function its handle
   * @param gridX blocks in x
   * @param gridY blocks in y
   * @param gridZ blocks in z
   * @param block threads of a block
   * @param sharedBytes dynamic shared memory
   * @param packed the arguments as a C structure; read before this returns
   * @param packedBytes its size
   */
  void launch(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int block,
      int sharedBytes,
      MemorySegment packed,
      long packedBytes);

  /** Waits until everything is done that is queued. */
  void synchronize();

  /** Returns a new mark for times on the device; never freed, since benchmarks keep a few. */
  long newMark();

  /** Queues a mark: its time is that at which everything queued before it is done. */
  void mark(long mark);

  /**
   * Returns the nanoseconds on the device from one mark to another, both of them past; half a
   * microsecond is the resolution of a GPU.
   */
  double nanosBetween(long from, long to);

  /** Returns whose clock tells the times of marks. */
  String clock();
}
