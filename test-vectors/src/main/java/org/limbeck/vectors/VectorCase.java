// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;

/**
 * One case of a vector file, with its tensors resolved.
 *
 * @param stem the stem
 * @param id the name of the case, unique in its file
 * @param comment what it is about
 * @param flags which traps it sets
 * @param params the parameters; those left out have the schema's defaults
 * @param inputs the inputs by name
 * @param expect the expected outputs by name
 * @param relative the relative tolerance
 * @param absolute the absolute tolerance
 * @param error a part of the expected message, without case; null where the case is valid
 */
public record VectorCase(
    String stem,
    String id,
    String comment,
    List<String> flags,
    JsonObject params,
    Map<String, Tensor> inputs,
    Map<String, Tensor> expect,
    double relative,
    double absolute,
    String error) {

  /** Returns whether the library must accept the inputs. */
  public boolean isValid() {
    return error == null;
  }
}
