// SPDX-License-Identifier: Apache-2.0
/**
 * Every configuration key, once: {@link io.sparkdiskcache.conf.DiskCacheConf} is the registry from
 * which the documentation is generated, {@link io.sparkdiskcache.conf.Settings} the typed values.
 */
@NullMarked
package io.sparkdiskcache.conf;

import org.jspecify.annotations.NullMarked;
