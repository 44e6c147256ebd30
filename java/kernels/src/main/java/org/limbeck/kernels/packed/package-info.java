// SPDX-License-Identifier: Apache-2.0
/** Weights packed below one byte an element, in layouts that have names and versions. */
package org.limbeck.kernels.packed;
