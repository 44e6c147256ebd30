// SPDX-License-Identifier: Apache-2.0
/** Counter-based random numbers, the same bits on every backend. */
package org.limbeck.kernels.random;
