// SPDX-License-Identifier: Apache-2.0
/**
 * What an experiment shows: progress while it runs, tables of results, charts, and a report of one
 * HTML file.
 */
package org.limbeck.experiments.report;
