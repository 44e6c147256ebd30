// SPDX-License-Identifier: Apache-2.0
/** Golden vectors: reading files of schema {@code limbeck-vectors-v1}, and running their cases. */
package org.limbeck.vectors;
