// SPDX-License-Identifier: Apache-2.0
/** Buffers, views and scratch memory: where tensors live and how a kernel sees them. */
package org.limbeck.kernels.memory;
