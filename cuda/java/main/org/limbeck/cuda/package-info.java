// SPDX-License-Identifier: Apache-2.0
/**
 * The CUDA backend: finds a device, keeps memory on it, and launches the kernels; and its emulator.
 */
package org.limbeck.cuda;
