// SPDX-License-Identifier: Apache-2.0
/** The commands {@code pet} and {@code translate}: compressing a translation Transformer. */
package org.limbeck.experiments.pet;
