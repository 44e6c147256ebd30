// SPDX-License-Identifier: Apache-2.0
/**
 * The façade: {@link org.limbeck.kernels.Limbeck} finds backends, checks arguments and runs
 * kernels.
 */
package org.limbeck.kernels;
