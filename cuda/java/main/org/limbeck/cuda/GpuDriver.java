// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * The first CUDA device, through JCuda's binding of the driver. The primary context, one stream;
 * the context is made current at every call, since any thread may call.
 */
final class GpuDriver implements Driver {
  private static final double NANOS_PER_MILLI = 1e6;

  private static final long IMAGE_ALIGNMENT = 64;

  private static final long SMALL = 1 << 20;
  private static final long SMALL_STEP = 512;
  private static final long LARGE_STEP = 2 << 20;

  /**
   * cuTensorMapEncodeTiled, of which JCuda has no binding. A class of its own, since a JVM that
   * refuses native calls must find out in {@link GpuDevice#find}.
   */
  private static final class Encoder {
    // The function is the first argument; pointers are numbers, so that nothing is allocated.
    static final MethodHandle HANDLE =
        Linker.nativeLinker()
            .downcallHandle(
                FunctionDescriptor.of(
                    JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                    JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    static final int DIMENSIONS = 4;
    static final int NO_INTERLEAVE = 0;
    static final int SWIZZLE_128_BYTES = 3;
    static final int PROMOTE_TO_256_BYTES = 3;
    static final int ZEROS_OUTSIDE = 0;
  }

  /** An address of the device. */
  private static final class Address extends CUdeviceptr {
    private static final CUdeviceptr NULL = new CUdeviceptr();

    Address() {}

    Address(long address) {
      super(NULL, address);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  /** An address of the host. */
  private static final class HostAddress extends Pointer {
    HostAddress(long address) {
      super(address);
    }
  }

  /** A kernel, its name, and where its arguments lie in the structure that holds all. */
  private record Function(String name, CUfunction handle, int[] offsets) {}

  private final CUcontext context = new CUcontext();
  private final CUstream stream = new CUstream();
  private final boolean exact = Boolean.getBoolean(CudaProvider.EXACT_PROPERTY);
  private final GpuDevice device;
  private final Map<String, CUmodule> modules = new HashMap<>();
  private final List<Function> functions = new ArrayList<>();
  private final List<CUevent> marks = new ArrayList<>();

  /** A pointer to each argument of a launch: as many as the kernel with the most takes. */
  private MemorySegment arguments = MemorySegment.NULL;

  private Pointer argumentsPointer;

  /** The kernel that was queued last: where one fails, a later call says so. */
  private volatile String newest;

  /**
   * Makes the device's primary context and a stream in it.
   *
   * @param device the device
   */
  GpuDriver(GpuDevice device) {
    this.device = device;
    check(
        "cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device.handle()));
    makeCurrent();
    check(
        "cuStreamCreate",
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
  }

  /** Throws what says which call failed and how, unless it succeeded. */
  static void check(String call, int status) {
    if (status != CUresult.CUDA_SUCCESS) {
      throw failure(call, status, null);
    }
  }

  /** As {@link #check} does, for calls behind launches. */
  private void checkQueued(String call, int status) {
    if (status != CUresult.CUDA_SUCCESS) {
      throw failure(call, status, status >= CUresult.CUDA_ERROR_ILLEGAL_ADDRESS ? newest : null);
    }
  }

  private static CudaException failure(String call, int status, String queued) {
    String[] text = new String[1];
    JCudaDriver.cuGetErrorString(status, text);
    return new CudaException(
        call
            + ": "
            + CUresult.stringFor(status)
            + (text[0] == null ? "" : ", " + text[0])
            + (queued == null ? "" : "; queued last was " + queued));
  }

  private void makeCurrent() {
    checkQueued("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
  }

  @Override
  public String description() {
    return device.description();
  }

  @Override
  public int multiprocessors() {
    return device.multiprocessors();
  }

  @Override
  public int sharedBytes() {
    return device.sharedBytes();
  }

  @Override
  public boolean clusters() {
    return device.clusters();
  }

  @Override
  public boolean warpGroups() {
    return device.encode() != null;
  }

  @Override
  public void encode(MemorySegment map, long address, MemorySegment layout) {
    makeCurrent();
    long told = layout.address();
    int status;
    try {
      status =
          (int)
              Encoder.HANDLE.invokeExact(
                  device.encode(),
                  map.address(),
                  layout.get(JAVA_INT, TensorMap.TYPE),
                  Encoder.DIMENSIONS,
                  address,
                  told + TensorMap.SIZES,
                  told + TensorMap.STRIDES,
                  told + TensorMap.BOX,
                  told + TensorMap.STEPS,
                  Encoder.NO_INTERLEAVE,
                  Encoder.SWIZZLE_128_BYTES,
                  Encoder.PROMOTE_TO_256_BYTES,
                  Encoder.ZEROS_OUTSIDE);
    } catch (Throwable e) {
      throw new CudaException("cuTensorMapEncodeTiled cannot be called: " + e);
    } finally {
      Reference.reachabilityFence(map);
      Reference.reachabilityFence(layout);
    }
    checkQueued("cuTensorMapEncodeTiled", status);
  }

  /** An eighth of the size at most is lost. */
  @Override
  public long roundSize(long bytes) {
    if (exact) {
      return bytes;
    }
    long step = Math.max(SMALL_STEP, Long.highestOneBit(bytes) / 8);
    step = bytes <= SMALL ? step : Math.max(step, LARGE_STEP);
    return (bytes + step - 1) / step * step;
  }

  @Override
  public long allocate(long bytes) {
    makeCurrent();
    Address address = new Address();
    int status = JCudaDriver.cuMemAlloc(address, bytes);
    if (status == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      return 0;
    }
    checkQueued("cuMemAlloc", status);
    return address.value();
  }

  @Override
  public void free(long address) {
    makeCurrent();
    synchronize();
    checkQueued("cuMemFree", JCudaDriver.cuMemFree(new Address(address)));
  }

  @Override
  public void zero(long target, long pitch, long width, long height) {
    makeCurrent();
    Address address = new Address(target);
    checkQueued(
        "cuMemsetD2D8Async",
        height == 1
            ? JCudaDriver.cuMemsetD8Async(address, (byte) 0, width, stream)
            : JCudaDriver.cuMemsetD2D8Async(address, pitch, (byte) 0, width, height, stream));
  }

  @Override
  public void copy(
      long source, long sourcePitch, long target, long targetPitch, long width, long height) {
    makeCurrent();
    if (height == 1) {
      checkQueued(
          "cuMemcpyDtoDAsync",
          JCudaDriver.cuMemcpyDtoDAsync(new Address(target), new Address(source), width, stream));
      return;
    }
    CUDA_MEMCPY2D copy = area(sourcePitch, targetPitch, width, height);
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = new Address(source);
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = new Address(target);
    checkQueued("cuMemcpy2DAsync", JCudaDriver.cuMemcpy2DAsync(copy, stream));
  }

  private static CUDA_MEMCPY2D area(long sourcePitch, long targetPitch, long width, long height) {
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.srcPitch = sourcePitch;
    copy.dstPitch = targetPitch;
    copy.WidthInBytes = width;
    copy.Height = height;
    return copy;
  }

  @Override
  public void upload(
      MemorySegment source,
      long sourcePitch,
      long target,
      long targetPitch,
      long width,
      long height) {
    makeCurrent();
    Pointer host = new HostAddress(source.address());
    try {
      if (height == 1) {
        checkQueued(
            "cuMemcpyHtoDAsync",
            JCudaDriver.cuMemcpyHtoDAsync(new Address(target), host, width, stream));
      } else {
        CUDA_MEMCPY2D copy = area(sourcePitch, targetPitch, width, height);
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.srcHost = host;
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = new Address(target);
        checkQueued("cuMemcpy2DAsync", JCudaDriver.cuMemcpy2DAsync(copy, stream));
      }
      synchronize();
    } finally {
      Reference.reachabilityFence(source);
    }
  }

  @Override
  public void download(
      long source,
      long sourcePitch,
      MemorySegment target,
      long targetPitch,
      long width,
      long height) {
    makeCurrent();
    Pointer host = new HostAddress(target.address());
    try {
      if (height == 1) {
        checkQueued(
            "cuMemcpyDtoHAsync",
            JCudaDriver.cuMemcpyDtoHAsync(host, new Address(source), width, stream));
      } else {
        CUDA_MEMCPY2D copy = area(sourcePitch, targetPitch, width, height);
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.srcDevice = new Address(source);
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.dstHost = host;
        checkQueued("cuMemcpy2DAsync", JCudaDriver.cuMemcpy2DAsync(copy, stream));
      }
      synchronize();
    } finally {
      Reference.reachabilityFence(target);
    }
  }

  @Override
  public synchronized long function(KernelSignature signature) {
    makeCurrent();
    CUmodule module = modules.get(signature.stem());
    if (module == null) {
      module = load(signature.stem());
      modules.put(signature.stem(), module);
    }
    CUfunction function = new CUfunction();
    checkQueued(
        "cuModuleGetFunction for " + signature.name(),
        JCudaDriver.cuModuleGetFunction(function, module, signature.name()));
    int[] offsets = new int[signature.count()];
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = signature.offset(i);
    }
    long bytes = (long) offsets.length * Long.BYTES;
    if (arguments.byteSize() < bytes) {
      arguments = Arena.global().allocate(bytes, Long.BYTES);
      argumentsPointer = new HostAddress(arguments.address());
    }
    functions.add(new Function(signature.name(), function, offsets));
    return functions.size() - 1;
  }

  /** Loads an image where the fields of a fat binary are aligned; in an array they may not be. */
  private CUmodule load(String stem) {
    CUmodule module = new CUmodule();
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = Images.image(stem);
      MemorySegment image = arena.allocate(bytes.length, IMAGE_ALIGNMENT);
      MemorySegment.copy(bytes, 0, image, JAVA_BYTE, 0, bytes.length);
      Pointer address = new HostAddress(image.address());
      // Without options, of whose values JCuda wants an address all the same.
      checkQueued(
          "cuModuleLoadDataEx for " + stem,
          JCudaDriver.cuModuleLoadDataEx(module, address, 0, new int[0], address));
    }
    return module;
  }

  @Override
  public synchronized void allowShared(long function, int bytes) {
    makeCurrent();
    checkQueued(
        "cuFuncSetAttribute",
        JCudaDriver.cuFuncSetAttribute(
            functions.get((int) function).handle(),
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            bytes));
  }

  @Override
  public synchronized void launch(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int block,
      int sharedBytes,
      MemorySegment packed,
      long packedBytes) {
    makeCurrent();
    Function called = functions.get((int) function);
    int[] offsets = called.offsets();
    // One by one: a tensor map lies elsewhere on the device than in the structure, since parameters
    // there do not begin at a multiple of its alignment.
    for (int i = 0; i < offsets.length; i++) {
      arguments.setAtIndex(JAVA_LONG, i, packed.address() + offsets[i]);
    }
    int status;
    try {
      status =
          JCudaDriver.cuLaunchKernel(
              called.handle(),
              gridX,
              gridY,
              gridZ,
              block,
              1,
              1,
              sharedBytes,
              stream,
              argumentsPointer,
              null);
    } finally {
      Reference.reachabilityFence(packed);
    }
    if (status != CUresult.CUDA_SUCCESS) {
      checkQueued("cuLaunchKernel of " + called.name(), status);
    }
    newest = called.name();
  }

  @Override
  public synchronized long newMark() {
    makeCurrent();
    CUevent event = new CUevent();
    checkQueued("cuEventCreate", JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT));
    marks.add(event);
    return marks.size() - 1;
  }

  @Override
  public synchronized void mark(long mark) {
    makeCurrent();
    checkQueued("cuEventRecord", JCudaDriver.cuEventRecord(marks.get((int) mark), stream));
  }

  @Override
  public synchronized double nanosBetween(long from, long to) {
    makeCurrent();
    float[] millis = new float[1];
    checkQueued(
        "cuEventElapsedTime",
        JCudaDriver.cuEventElapsedTime(millis, marks.get((int) from), marks.get((int) to)));
    return millis[0] * NANOS_PER_MILLI;
  }

  @Override
  public String clock() {
    return "CUDA events";
  }

  @Override
  public void synchronize() {
    makeCurrent();
    checkQueued("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
  }
}
