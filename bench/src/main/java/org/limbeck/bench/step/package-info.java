// SPDX-License-Identifier: Apache-2.0
/** A step of QAT-KD, Limbeck's and those of peers. */
package org.limbeck.bench.step;
