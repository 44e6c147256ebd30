/** The parts of a network: parameters, buffers, layers with explicit backward over kernels. */
package org.limbeck.training.nn;
