// SPDX-License-Identifier: Apache-2.0
/** One adapter a stem: from the parameters and inputs of a case to a call of the library. */
package org.limbeck.vectors.stems;
