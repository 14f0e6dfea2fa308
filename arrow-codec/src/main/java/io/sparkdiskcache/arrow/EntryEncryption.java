// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

/**
 * How one entry's file is encrypted.
 *
 * @param name of the entry; the file can be read under this name only
 */
public record EntryEncryption(EntryCipher cipher, String name) {}
