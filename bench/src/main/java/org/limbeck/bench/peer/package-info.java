// SPDX-License-Identifier: Apache-2.0
/** What a library to compare with has to offer; the libraries themselves are in profile peers. */
package org.limbeck.bench.peer;
