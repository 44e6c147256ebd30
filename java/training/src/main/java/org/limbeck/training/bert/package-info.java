/** The BERT encoder with its heads, in full precision and quantized. */
package org.limbeck.training.bert;
