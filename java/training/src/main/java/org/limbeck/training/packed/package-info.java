// SPDX-License-Identifier: Apache-2.0
/** Prediction with packed ternary weights: the network, and what it is made from. */
package org.limbeck.training.packed;
