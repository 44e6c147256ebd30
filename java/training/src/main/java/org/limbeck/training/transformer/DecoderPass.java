// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Pass;

/**
 * What all decoder layers of a pass see.
 *
 * @param source the source sentences
 * @param target the decoder's inputs
 * @param memory the encoder's output, F32 [B * S, width]
 * @param mask which keys of source and prefix a position sees, U8 [B * T, S + T], of a compressed
 *     decoder; else null
 * @param pass how the network runs
 */
record DecoderPass(
    SequenceBatch source, SequenceBatch target, Matrix memory, Matrix mask, Pass pass) {}
