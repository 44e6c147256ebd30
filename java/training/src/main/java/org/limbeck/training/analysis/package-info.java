// SPDX-License-Identifier: Apache-2.0
/**
 * Measures of how far a student's self-attention is from its teacher's, and of how sharp a loss is:
 * pure functions on host data.
 *
 * <p>Source of all formulas: Kim, Lee, Hong, Chang and Choi, "Understanding and Improving Knowledge
 * Distillation for Quantization-Aware Training of Large Transformer Encoders", EMNLP 2022, and the
 * authors' released notebooks; each class names its section or figure.
 */
package org.limbeck.training.analysis;
