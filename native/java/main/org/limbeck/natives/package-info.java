// SPDX-License-Identifier: Apache-2.0
/** The native backend: finds and loads the C library, and calls its kernels. */
package org.limbeck.natives;
