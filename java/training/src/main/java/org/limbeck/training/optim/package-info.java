/** Optimizers, learning rate schedules. */
package org.limbeck.training.optim;
