/**
 * The encoder-decoder Transformer for translation, with layers that share parameters, and its
 * decoding.
 */
package org.limbeck.training.transformer;
