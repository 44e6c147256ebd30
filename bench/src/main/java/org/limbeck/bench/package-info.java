// SPDX-License-Identifier: Apache-2.0
/** JMH benchmarks of the kernels, beside ceilings of the machine measured in the same run. */
package org.limbeck.bench;
