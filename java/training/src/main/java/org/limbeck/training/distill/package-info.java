/** The losses of knowledge distillation on encoders, and a training step with each. */
package org.limbeck.training.distill;
