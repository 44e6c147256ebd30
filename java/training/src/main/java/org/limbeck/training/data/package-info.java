// SPDX-License-Identifier: Apache-2.0
/** Tasks, their examples on disk, word pieces, batches and metrics. */
package org.limbeck.training.data;
