// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoKey;
import io.sparkdiskcache.store.MemoObject;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Results of memoised functions in the remote tier: {@code v1/memo/ab/KEY.memo}, an object each,
 * which Python reads and writes as well. A host that has no result asks for the object before it
 * calls the function; a call costs more than a request, or it would not be memoised.
 *
 * <p>Looking fails as if there were nothing, writing drops; only {@link #remove} and {@link
 * #removeAll}, which people call, say what went wrong.
 */
@Internal
public final class RemoteMemo {
  private static final Logger log = LoggerFactory.getLogger(RemoteMemo.class);

  private static final Duration UPLOADS = Duration.ofSeconds(30);

  /** Far above what a function may return. */
  private static final long MAX_RESULT_BYTES = 256 << 20;

  private final RemoteObjects objects;
  private final Counters counters;
  private final Uploads uploads;
  private final Downloads downloads;

  /**
   * @param uploads for these alone
   */
  RemoteMemo(RemoteObjects objects, Counters counters, Uploads uploads, Downloads downloads) {
    this.objects = objects;
    this.counters = counters;
    this.uploads = uploads;
    this.downloads = downloads;
  }

  /** The result of a key, expired or not. Waits for the answer, but not for a system that hangs. */
  public Optional<MemoObject> find(MemoKey key) {
    Path name = objects.memo(key);
    return downloads
        .start(
            "Cannot fetch memoised result %s from the remote tier".formatted(key),
            w -> read(name, key))
        .await(() -> {});
  }

  private Optional<MemoObject> read(Path name, MemoKey key) throws IOException {
    Optional<MemoObject> found;
    try {
      found = read(name).filter(object -> object.key().equals(key));
    } catch (FileNotFoundException e) {
      counters.misses.increment();
      return Optional.empty();
    }
    if (found.isPresent()) {
      counters.hits.increment();
    } else {
      counters.damaged.increment();
      log.warn("{} is damaged; the function is called, and it is written anew.", name);
    }
    return found;
  }

  /** Empty if it is damaged. */
  private Optional<MemoObject> read(Path name) throws IOException {
    try (InputStream data = objects.open(name, MAX_RESULT_BYTES)) {
      return MemoObject.decode(data.readAllBytes());
    }
  }

  /** Writes a result in the background, in the place of an older one. */
  public void put(MemoObject result) {
    uploads.small(objects.memo(result.key()), result.encode());
  }

  /** An upload that is on its way would bring a removed result back. */
  private void awaitUploads() throws IOException {
    if (!uploads.await(UPLOADS)) {
      throw new IOException("results are still being written; remove them again");
    }
  }

  /**
   * Removes results by their keys.
   *
   * @throws IOException if the remote system does not do it
   */
  public void remove(Collection<MemoEntry> entries) throws IOException {
    awaitUploads();
    for (MemoEntry entry : entries) {
      objects.delete(objects.memo(entry.key())); // quietly, if there is none
    }
  }

  /**
   * Removes the results that are wanted gone, whichever host has written them. The one thing that
   * lists and reads what is there: a request for each.
   *
   * @return bytes of the values removed
   * @throws IOException if the remote system does not do it
   */
  public long removeAll(Predicate<MemoEntry> wanted) throws IOException {
    awaitUploads();
    long bytes = 0;
    for (Path name : objects.memos()) {
      Optional<MemoEntry> entry;
      try {
        entry = read(name).map(MemoObject::entry);
      } catch (FileNotFoundException e) {
        continue; // somebody else removed it
      }
      if (entry.isPresent() && wanted.test(entry.get())) {
        objects.delete(name);
        bytes += entry.get().bytes();
      }
    }
    return bytes;
  }
}
