// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
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
  private static final String LIBRARY = "libcuda.so.1";
  private static final double NANOS_PER_MILLI = 1e6;

  private static final long SMALL = 1 << 20;
  private static final long SMALL_STEP = 512;
  private static final long LARGE_STEP = 2 << 20;

  /**
   * cuTensorMapEncodeTiled, of which JCuda has no binding. A class of its own, since a JVM that
   * refuses native calls must find out in {@link #open}.
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

  /** A kernel, and where its arguments lie in the structure that holds all. */
  private record Function(CUfunction handle, int[] offsets) {}

  private final CUcontext context = new CUcontext();
  private final CUstream stream = new CUstream();
  private final boolean exact = Boolean.getBoolean(CudaProvider.EXACT_PROPERTY);
  private final String description;
  private final int multiprocessors;
  private final int sharedBytes;
  private final boolean clusters;
  private final MemorySegment encode;
  private final Map<String, CUmodule> modules = new HashMap<>();
  private final List<Function> functions = new ArrayList<>();
  private final List<CUevent> marks = new ArrayList<>();

  /** A pointer to each argument of a launch: as many as the kernel with the most takes. */
  private MemorySegment arguments = MemorySegment.NULL;

  private Pointer argumentsPointer;

  private GpuDriver(String version) {
    CUdevice device = new CUdevice();
    check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, 0));
    byte[] name = new byte[256];
    check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(name, name.length, device));
    multiprocessors =
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    sharedBytes =
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    int major = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    // Later devices run the PTX, which is that of an architecture without them.
    clusters = major == 9;
    // Code for 9.0a runs there only.
    encode =
        major == 9 && minor == 0
            ? SymbolLookup.libraryLookup(LIBRARY, Arena.global())
                .find("cuTensorMapEncodeTiled")
                .orElse(null)
            : null;
    description =
        new String(name, StandardCharsets.UTF_8).replace("\0", "").strip()
            + ", compute capability "
            + major
            + "."
            + minor
            + ", "
            + multiprocessors
            + " multiprocessors, driver for CUDA "
            + version;
    check("cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    makeCurrent();
    check(
        "cuStreamCreate",
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
  }

  /**
   * Opens the first device.
   *
   * @param toolkit the version of the toolkit that made the images; the driver must know its images
   * @throws UnavailableException if there is no driver, one that is too old, or no device
   */
  static GpuDriver open(String toolkit) throws UnavailableException {
    try {
      SymbolLookup.libraryLookup(LIBRARY, Arena.global());
    } catch (IllegalArgumentException e) {
      throw new UnavailableException(
          "no NVIDIA driver is on this machine: " + LIBRARY + " cannot be loaded", "");
    } catch (IllegalCallerException e) {
      throw new UnavailableException(
          "this JVM does not let the module call native code",
          "start it with --enable-native-access=ALL-UNNAMED,org.limbeck.cuda");
    }
    try {
      JCudaDriver.setExceptionsEnabled(false);
      int status = JCudaDriver.cuInit(0);
      if (status != CUresult.CUDA_SUCCESS) {
        throw new UnavailableException(
            "the NVIDIA driver finds no device it can use: cuInit gives "
                + CUresult.stringFor(status),
            "");
      }
      int[] version = new int[1];
      check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(version));
      String text = version[0] / 1000 + "." + version[0] % 1000 / 10;
      int needed = Integer.parseInt(toolkit.substring(0, toolkit.indexOf('.')));
      if (version[0] / 1000 < needed) {
        throw new UnavailableException(
            "the NVIDIA driver is for CUDA " + text + ", and the kernels need " + needed + ".0",
            "install a newer driver, or build limbeck-cuda with an older nvcc");
      }
      int[] count = new int[1];
      check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
      if (count[0] == 0) {
        throw new UnavailableException("the NVIDIA driver finds no device", "");
      }
      return new GpuDriver(text);
    } catch (CudaException
        | jcuda.CudaException
        | UnsatisfiedLinkError
        | NoClassDefFoundError
        | ExceptionInInitializerError e) {
      throw new UnavailableException(
          "the NVIDIA driver cannot be used: "
              + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
          "");
    }
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    check("cuDeviceGetAttribute", JCudaDriver.cuDeviceGetAttribute(value, attribute, device));
    return value[0];
  }

  private static void check(String call, int status) {
    if (status != CUresult.CUDA_SUCCESS) {
      String[] text = new String[1];
      JCudaDriver.cuGetErrorString(status, text);
      throw new CudaException(
          call + ": " + CUresult.stringFor(status) + (text[0] == null ? "" : ", " + text[0]));
    }
  }

  private void makeCurrent() {
    check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public int multiprocessors() {
    return multiprocessors;
  }

  @Override
  public int sharedBytes() {
    return sharedBytes;
  }

  @Override
  public boolean clusters() {
    return clusters;
  }

  @Override
  public boolean warpGroups() {
    return encode != null;
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
                  encode,
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
    }
    check("cuTensorMapEncodeTiled", status);
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
    check("cuMemAlloc", status);
    return address.value();
  }

  @Override
  public void free(long address) {
    makeCurrent();
    synchronize();
    check("cuMemFree", JCudaDriver.cuMemFree(new Address(address)));
  }

  @Override
  public void zero(long target, long pitch, long width, long height) {
    makeCurrent();
    Address address = new Address(target);
    check(
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
      check(
          "cuMemcpyDtoDAsync",
          JCudaDriver.cuMemcpyDtoDAsync(new Address(target), new Address(source), width, stream));
      return;
    }
    CUDA_MEMCPY2D copy = area(sourcePitch, targetPitch, width, height);
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = new Address(source);
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = new Address(target);
    check("cuMemcpy2DAsync", JCudaDriver.cuMemcpy2DAsync(copy, stream));
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
    if (height == 1) {
      check(
          "cuMemcpyHtoDAsync",
          JCudaDriver.cuMemcpyHtoDAsync(new Address(target), host, width, stream));
    } else {
      CUDA_MEMCPY2D copy = area(sourcePitch, targetPitch, width, height);
      copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
      copy.srcHost = host;
      copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
      copy.dstDevice = new Address(target);
      check("cuMemcpy2DAsync", JCudaDriver.cuMemcpy2DAsync(copy, stream));
    }
    synchronize();
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
    if (height == 1) {
      check(
          "cuMemcpyDtoHAsync",
          JCudaDriver.cuMemcpyDtoHAsync(host, new Address(source), width, stream));
    } else {
      CUDA_MEMCPY2D copy = area(sourcePitch, targetPitch, width, height);
      copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
      copy.srcDevice = new Address(source);
      copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
      copy.dstHost = host;
      check("cuMemcpy2DAsync", JCudaDriver.cuMemcpy2DAsync(copy, stream));
    }
    synchronize();
  }

  @Override
  public synchronized long function(KernelSignature signature) {
    makeCurrent();
    CUmodule module = modules.get(signature.stem());
    if (module == null) {
      module = new CUmodule();
      check(
          "cuModuleLoadData for " + signature.stem(),
          JCudaDriver.cuModuleLoadData(module, Images.image(signature.stem())));
      modules.put(signature.stem(), module);
    }
    CUfunction function = new CUfunction();
    check(
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
    functions.add(new Function(function, offsets));
    return functions.size() - 1;
  }

  @Override
  public synchronized void allowShared(long function, int bytes) {
    makeCurrent();
    check(
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
    int status =
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
    check("cuLaunchKernel", status);
  }

  @Override
  public synchronized long newMark() {
    makeCurrent();
    CUevent event = new CUevent();
    check("cuEventCreate", JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT));
    marks.add(event);
    return marks.size() - 1;
  }

  @Override
  public synchronized void mark(long mark) {
    makeCurrent();
    check("cuEventRecord", JCudaDriver.cuEventRecord(marks.get((int) mark), stream));
  }

  @Override
  public synchronized double nanosBetween(long from, long to) {
    makeCurrent();
    float[] millis = new float[1];
    check(
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
    check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
  }
}
