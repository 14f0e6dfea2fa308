// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

/**
 * Counters of the remote tier in this process since the application began.
 *
 * @param hits entries fetched, verified and stored
 * @param misses entries and sets that were asked for and are not there, or are too old
 * @param damaged objects that are not what was written
 * @param uploads entries and sets written
 * @param dropped entries and sets not written: too many were waiting, the tier was left alone, or
 *     they were evicted or the application ended before
 * @param failures requests that failed or took too long
 */
public record RemoteStats(
    long hits, long misses, long damaged, long uploads, long dropped, long failures) {
  /** Without a remote tier. */
  public static final RemoteStats NONE = new RemoteStats(0, 0, 0, 0, 0, 0);
}
