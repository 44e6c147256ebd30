// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The functions of {@code limbeck.h}, read by a parser that knows just what the header uses. */
final class Header {
  /**
   * A function.
   *
   * @param result the C type of its result
   * @param parameters the C types of its parameters, {@code *} for any pointer
   */
  record Function(String result, List<String> parameters) {}

  private static final Pattern FUNCTION =
      Pattern.compile("LB_API\\s+(\\w+)\\s+(lb_\\w+)\\(([^)]*)\\)\\s*;");
  private static final Pattern PARAMETER = Pattern.compile("(?:const )?(\\w+) (\\w+)");

  private Header() {}

  static String text() throws IOException {
    return Files.readString(Path.of("include", "limbeck.h"));
  }

  /** Returns the functions by name. */
  static Map<String, Function> functions() throws IOException {
    String code = text().replaceAll("(?s)/\\*.*?\\*/", "").replaceAll("(?m)^\\s*#.*$", "");
    Map<String, Function> functions = new LinkedHashMap<>();
    Matcher matcher = FUNCTION.matcher(code);
    while (matcher.find()) {
      List<String> parameters = new ArrayList<>();
      if (!matcher.group(3).equals("void")) {
        for (String parameter : matcher.group(3).split(",", -1)) {
          parameters.add(type(parameter.strip().replaceAll("\\s+", " ")));
        }
      }
      functions.put(matcher.group(2), new Function(matcher.group(1), parameters));
    }
    return functions;
  }

  private static String type(String parameter) {
    if (parameter.contains("*")) {
      return "*";
    }
    Matcher matcher = PARAMETER.matcher(parameter);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("limbeck.h: cannot read the parameter " + parameter);
    }
    return matcher.group(1);
  }
}
