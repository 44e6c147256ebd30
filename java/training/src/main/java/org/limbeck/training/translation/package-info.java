// SPDX-License-Identifier: Apache-2.0
/** Parallel text: files, tokens, subwords, dictionaries, batches and BLEU. */
package org.limbeck.training.translation;
