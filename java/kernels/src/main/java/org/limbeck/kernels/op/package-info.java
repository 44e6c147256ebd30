// SPDX-License-Identifier: Apache-2.0
/** The contracts: one type a stem, with its specification, arguments and checks. */
package org.limbeck.kernels.op;
