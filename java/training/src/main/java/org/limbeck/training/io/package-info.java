// SPDX-License-Identifier: Apache-2.0
/**
 * Pretrained encoders from disk: ONNX files and TensorFlow SavedModels inside Maven artifacts,
 * directories in Hugging Face's layout, and the catalogue that finds them by a short name.
 */
package org.limbeck.training.io;
