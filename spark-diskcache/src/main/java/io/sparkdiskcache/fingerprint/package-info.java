// SPDX-License-Identifier: Apache-2.0
/**
 * Plan, code and input become a key, or a {@link io.sparkdiskcache.fingerprint.Refusal}. Nothing
 * unknown is ever given a key.
 */
@NullMarked
package io.sparkdiskcache.fingerprint;

import org.jspecify.annotations.NullMarked;
