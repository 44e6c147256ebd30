// SPDX-License-Identifier: Apache-2.0
/**
 * What the experiments share: training that can be interrupted, and where a run keeps its files.
 */
package org.limbeck.experiments.run;
