// SPDX-License-Identifier: Apache-2.0
/** The Vector API backend; the only package whose classes mention vector types. */
package org.limbeck.kernels.vector;
