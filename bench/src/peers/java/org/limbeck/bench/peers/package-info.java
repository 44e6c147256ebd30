// SPDX-License-Identifier: Apache-2.0
/** The libraries that the benchmarks compare with; compiled in the Maven profile peers only. */
package org.limbeck.bench.peers;
