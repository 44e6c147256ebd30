// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.limbeck.natives.bindings.LimbeckH;

/** The library has every function of the header, and the bindings call it with those types. */
class NativeBindingsTest {
  private static final Map<String, MemoryLayout> LAYOUTS =
      Map.of(
          "*", LimbeckH.C_POINTER,
          "int32_t", LimbeckH.C_INT,
          "int64_t", LimbeckH.C_LONG,
          "uint32_t", LimbeckH.C_INT,
          "uint64_t", LimbeckH.C_LONG,
          "float", LimbeckH.C_FLOAT,
          "double", LimbeckH.C_DOUBLE);

  @BeforeAll
  static void load() throws UnavailableException {
    NativeLibrary.get();
  }

  @Test
  void everyFunctionIsInTheLibraryAndCalledWithItsTypes()
      throws IOException, ReflectiveOperationException {
    for (Map.Entry<String, Header.Function> entry : Header.functions().entrySet()) {
      Header.Function function = entry.getValue();
      FunctionDescriptor want =
          FunctionDescriptor.of(
              LAYOUTS.get(function.result()),
              function.parameters().stream().map(LAYOUTS::get).toArray(MemoryLayout[]::new));
      // Throws if the library lacks the function.
      Object got = LimbeckH.class.getMethod(entry.getKey() + "$descriptor").invoke(null);
      assertEquals(want, got, entry.getKey());
      Object address = LimbeckH.class.getMethod(entry.getKey() + "$address").invoke(null);
      assertEquals(false, MemorySegment.NULL.equals(address), entry.getKey());
    }
  }
}
