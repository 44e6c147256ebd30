// SPDX-License-Identifier: Apache-2.0
/** Training steps, Limbeck's and those of peers. */
package org.limbeck.bench.step;
