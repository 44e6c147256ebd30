// SPDX-License-Identifier: Apache-2.0
/** The worker pool that splits rows into fixed chunks. */
package org.limbeck.kernels.parallel;
