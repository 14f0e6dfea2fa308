// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/** Why entries leave; each is counted by itself. */
enum EvictionCause {
  /** Above {@code maxBytes}. */
  LIMIT,
  /** The disk has less than {@code minFreeBytes}. */
  FREE_SPACE,
  /** Above the limit of a tag. */
  TAG_LIMIT,
  /** Older than {@code ttl}. */
  EXPIRED,
  /** A file that a function read to compute it is not what it was. */
  FILE_CHANGED,
  /** Somebody asked for it. */
  REQUEST,
  /** A newer generation of the set. */
  REPLACED,
  /** Nobody is left to complete the generation. */
  UNFINISHED
}
