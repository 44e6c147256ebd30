// SPDX-License-Identifier: Apache-2.0
/**
 * Files that are whole or not there, tensors in the safetensors format, and the exception for input
 * that cannot be used.
 */
package org.limbeck.formats;
