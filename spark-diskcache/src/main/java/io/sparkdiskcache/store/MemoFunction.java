// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.Serializable;

/**
 * A memoised function as people name it.
 *
 * @param digest hexadecimal hash of its code and of the values it captured
 * @param name the given name
 * @param version the user's version; empty if there is none
 * @param tag label; empty if there is none
 * @param code the methods of the user that it reaches, one a line
 */
public record MemoFunction(String digest, String name, String version, String tag, String code)
    implements Serializable {}
