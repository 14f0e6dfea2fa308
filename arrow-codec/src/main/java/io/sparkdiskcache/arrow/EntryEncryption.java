// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;

/**
 * How one entry's file is encrypted.
 *
 * @param name of the entry; the file can be read under this name only
 */
@Internal
public record EntryEncryption(EntryCipher cipher, String name) {}
