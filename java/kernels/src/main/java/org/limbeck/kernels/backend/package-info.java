// SPDX-License-Identifier: Apache-2.0
/** What a backend offers, how it is found and how one is selected. */
package org.limbeck.kernels.backend;
