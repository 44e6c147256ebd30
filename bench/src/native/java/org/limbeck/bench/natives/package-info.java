// SPDX-License-Identifier: Apache-2.0
/** What the benchmarks take from the native backend beside its kernels. */
package org.limbeck.bench.natives;
