// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;

/**
 * Summary of a written entry.
 *
 * @param rows rows of all batches
 * @param bytes length of the file
 * @param dataBytes what the values take by the count of Spark's own cache, see {@link SparkSizes}
 * @param batches record batches
 * @param crc32c CRC-32C of the whole file, see {@link MappedEntry#crc32c}
 */
@Internal
public record EntrySummary(long rows, long bytes, long dataBytes, int batches, long crc32c) {}
