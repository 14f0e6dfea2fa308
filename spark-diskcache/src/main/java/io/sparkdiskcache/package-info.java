// SPDX-License-Identifier: Apache-2.0
/**
 * Types that a user names: {@link io.sparkdiskcache.DiskCachePlugin} in the configuration, {@link
 * io.sparkdiskcache.DiskCache} in code.
 */
@NullMarked
package io.sparkdiskcache;

import org.jspecify.annotations.NullMarked;
