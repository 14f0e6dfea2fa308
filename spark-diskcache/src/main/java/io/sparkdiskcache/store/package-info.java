// SPDX-License-Identifier: Apache-2.0
/**
 * Files on the SSD and the SQLite index that finds them; knows nothing of Spark. {@link
 * io.sparkdiskcache.store.DiskStore} is the entrance.
 */
@NullMarked
package io.sparkdiskcache.store;

import org.jspecify.annotations.NullMarked;
