// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/**
 * Counters of this process since the store was opened, then the state of the shared index.
 *
 * @param hits lookups answered: entries, and sets as one each
 * @param misses lookups not answered, for whatever reason
 * @param published entries this process added to the index
 * @param duplicatesDiscarded files thrown away because their key was already published
 * @param evictedForLimit entries removed to stay below the limit of bytes
 * @param evictedForSpace entries removed to leave the disk its free space
 * @param evictedForTag entries removed to keep a tag below its limit
 * @param evictedExpired entries removed because they were older than the time to live
 * @param evictedFileChanged entries removed because a file that a function read had changed
 * @param evictedOnRequest entries removed by evict, clear and dropSet
 * @param evictedReplaced entries of sets that a newer generation replaced
 * @param evictedUnfinished entries of generations that nobody will complete
 * @param missingFiles rows dropped because their file was gone
 * @param quarantined files set aside because they were not what the index says
 * @param reindexed files taken into a new index after the old one was lost
 * @param errors operations of the store that failed; each cost at most a hit
 * @param entries published entries
 * @param bytes of published entries
 * @param sets complete sets
 * @param unindexedFiles entry files that survived a lost index and wait to be indexed again
 * @param unindexedBytes of those files; they count towards the limit and are the first to go
 */
public record StoreStats(
    long hits,
    long misses,
    long published,
    long duplicatesDiscarded,
    long evictedForLimit,
    long evictedForSpace,
    long evictedForTag,
    long evictedExpired,
    long evictedFileChanged,
    long evictedOnRequest,
    long evictedReplaced,
    long evictedUnfinished,
    long missingFiles,
    long quarantined,
    long reindexed,
    long errors,
    long entries,
    long bytes,
    long sets,
    long unindexedFiles,
    long unindexedBytes) {
  /** Where there is no store. */
  public static final StoreStats NONE =
      new StoreStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
