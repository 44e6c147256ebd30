// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.natives.bindings.LimbeckH;

/** What calls of the library return and throw, as kernels pass it on. */
class LibraryCallTest {
  /** What a call does, with no library behind it. */
  private interface Call {
    int make() throws Throwable;
  }

  private static LibraryCall<Object, Object> of(Call call) {
    return new LibraryCall<>("lb_name") {
      @Override
      int call(Object kernel, Object arguments, Workspace scratch, long from, long to)
          throws Throwable {
        return call.make();
      }
    };
  }

  @ParameterizedTest
  @CsvSource({"1, as a bad size", "2, as a bad option", "3, with status 3", "-1, with status -1"})
  void aRefusalIsASentence(int status, String end) {
    LibraryCall<Object, Object> call = of(() -> status);
    var thrown = assertThrows(IllegalStateException.class, () -> call.run("k", "a", null, 0, 1));
    assertEquals(
        "lb_name of the native library refused what the contract allows, " + end,
        thrown.getMessage());
  }

  @Test
  void uncheckedIsPassedOnAsItIs() {
    RuntimeException exception = new UnsupportedOperationException("exception");
    Error error = new AssertionError("error");
    var failing =
        of(
            () -> {
              throw exception;
            });
    var broken =
        of(
            () -> {
              throw error;
            });
    assertSame(
        exception, assertThrows(RuntimeException.class, () -> failing.run("k", "a", null, 0, 1)));
    assertSame(error, assertThrows(Error.class, () -> broken.run("k", "a", null, 0, 1)));
  }

  @Test
  void checkedBecomesACause() {
    IOException checked = new IOException("what happened");
    var call =
        of(
            () -> {
              throw checked;
            });
    var thrown = assertThrows(IllegalStateException.class, () -> call.run("k", "a", null, 0, 1));
    assertSame(checked, thrown.getCause());
    assertEquals(
        "lb_name of the native library failed: java.io.IOException: what happened",
        thrown.getMessage());
  }

  @Test
  void aWholeRangeIsOneCall() {
    long[] ranges = new long[2];
    var call =
        new LibraryCall<String, String>("lb_name") {
          @Override
          int call(String kernel, String arguments, Workspace scratch, long from, long to) {
            assertEquals("kernel", kernel);
            assertEquals("arguments", arguments);
            assertNull(scratch);
            ranges[0] += to - from;
            ranges[1]++;
            return LimbeckH.LB_OK();
          }
        };
    call.whole("kernel", "arguments", 77);
    assertEquals(77, ranges[0]);
    assertEquals(1, ranges[1]);
  }
}
