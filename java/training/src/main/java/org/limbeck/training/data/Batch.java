// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import org.limbeck.kernels.memory.Matrix;

/**
 * Sequences padded to one length, with their labels. The matrices are views of memory that {@link
 * Batches} fills again for its next batch.
 *
 * @param batch the number of sequences B
 * @param length the padded length S
 * @param tokens the numbers of the word pieces, I64 [1, B * S], [PAD] behind each sequence
 * @param types token types, I64 [1, B * S], 0 behind each sequence
 * @param positions positions in the sequence, 0 to S - 1, I64 [1, B * S]
 * @param lengths lengths without padding, I32 [1, B]
 * @param labels class ids or scores, one a sequence
 * @param examples which examples of the split these are, counted from 0
 */
public record Batch(
    int batch,
    int length,
    Matrix tokens,
    Matrix types,
    Matrix positions,
    Matrix lengths,
    float[] labels,
    int[] examples) {}
