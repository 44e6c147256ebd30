/** Files from which training goes on, bit for bit. */
package org.limbeck.training.checkpoint;
