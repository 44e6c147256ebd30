// SPDX-License-Identifier: Apache-2.0
/**
 * What is measured: for each stem one class that makes tensors of a shape, the call on them and
 * what the call has to do at least. JMH, the paired runs and their checks all use these.
 */
package org.limbeck.bench.cases;
