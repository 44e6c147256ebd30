/** The experiment QAT-KD: ternary encoders distilled from their full-precision teachers. */
package org.limbeck.experiments.qatkd;
