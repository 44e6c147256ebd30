// SPDX-License-Identifier: Apache-2.0
/** The reference backend: short, double accumulation, the documentation of semantics. */
package org.limbeck.kernels.scalar;
