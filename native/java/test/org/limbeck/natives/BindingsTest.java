// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.limbeck.natives.bindings.LimbeckH;

/** The committed bindings are those of the header. Needs no library and no jextract. */
class BindingsTest {
  private static final Map<String, Class<?>> TYPES =
      Map.of(
          "*", MemorySegment.class,
          "int32_t", int.class,
          "int64_t", long.class,
          "uint32_t", int.class,
          "uint64_t", long.class,
          "float", float.class,
          "double", double.class);
  private static final Pattern CONSTANT =
      Pattern.compile("(?m)^#define (LB_\\w+) (0x[0-9a-f]+|\\d+)");

  @Test
  void everyFunctionHasABindingWithItsTypes() throws IOException, ReflectiveOperationException {
    Map<String, Header.Function> functions = Header.functions();
    assertTrue(functions.size() >= 4, functions.toString());
    for (Map.Entry<String, Header.Function> entry : functions.entrySet()) {
      Header.Function function = entry.getValue();
      Class<?>[] parameters =
          function.parameters().stream().map(BindingsTest::type).toArray(Class<?>[]::new);
      Method method = LimbeckH.class.getMethod(entry.getKey(), parameters);
      assertEquals(type(function.result()), method.getReturnType(), entry.getKey());
    }
  }

  private static Class<?> type(String name) {
    Class<?> type = TYPES.get(name);
    assertTrue(type != null, () -> "limbeck.h uses the type " + name);
    return type;
  }

  @Test
  void thereIsNoBindingWithoutItsFunction() throws IOException {
    Set<String> bound = new TreeSet<>();
    for (Method method : LimbeckH.class.getMethods()) {
      if (method.getName().startsWith("lb_") && !method.getName().contains("$")) {
        bound.add(method.getName());
      }
    }
    assertEquals(new TreeSet<>(Header.functions().keySet()), bound);
  }

  @Test
  void everyConstantHasABindingWithItsValue() throws IOException, ReflectiveOperationException {
    Matcher constants = CONSTANT.matcher(Header.text());
    int count = 0;
    for (; constants.find(); count++) {
      Object value = LimbeckH.class.getMethod(constants.group(1)).invoke(null);
      assertEquals(Integer.decode(constants.group(2)), value, constants.group(1));
    }
    assertTrue(count >= 9, () -> "few constants");
  }

  /** The parser itself: what it cannot read must not look like a function that is not there. */
  @Test
  void theHeaderIsReadWhole() throws IOException {
    long declared = Pattern.compile("(?m)^LB_API ").matcher(Header.text()).results().count();
    assertEquals(declared, Header.functions().size());
    assertEquals(
        List.of("int32_t", "*", "int64_t", "*", "int64_t", "int64_t", "int64_t", "int64_t"),
        Header.functions().get("lb_softmax_forward").parameters(),
        () -> Arrays.toString(LimbeckH.class.getMethods()));
  }
}
