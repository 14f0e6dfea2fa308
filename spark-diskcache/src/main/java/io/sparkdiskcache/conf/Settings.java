// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.Compression;
import io.sparkdiskcache.arrow.Precision;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.store.ByteLimit;
import io.sparkdiskcache.store.DirectoryLimits;
import io.sparkdiskcache.store.EvictionPolicy;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreLimits;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.VerifyMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The values of all keys at one moment. Immutable.
 *
 * @param enabled whether relations of the session are kept
 * @param directory the cache directory, as {@link HostDirectory} takes it
 * @param fileSystems types of file systems that are local by the user's word
 * @param lookupWait how long the first lookup waits for executors
 * @param driverDirectory where the driver notes what the next application is to know; empty where
 *     this process has no directory
 * @param maxBytes limit of all entry files together
 * @param minFreeBytes what stays free on the disk
 * @param ttl how long entries are kept; zero for ever
 * @param tagLimits limits of single tags
 * @param eviction which entries go first
 * @param limitChanges which of these limits become those of the directory
 * @param admission which results are kept
 * @param verify when checksums are checked
 * @param tag label of entries written
 * @param settle how long an input file must have been unchanged
 * @param chunkBytes size of a canonical file chunk, in bytes
 * @param ignoredSettings names of settings that change no rows, by the user's word
 * @param auditFraction share of hits that are computed all the same, from 0 to 1
 * @param encryptionKey where the key is that entries are encrypted with, if they are to be
 * @param literals whether literals of plans are stored for people
 * @param sqlFunctions what SQL functions may list and evict
 * @param remote where copies of entries are written to and read from, if anywhere
 * @param precision of floating-point columns, by pattern of their names
 * @param maxRelativeError how far that may move a value, as a share of its magnitude
 * @param maxAbsoluteError how far that may move a value
 * @param compression of the entries written
 */
@Internal
public record Settings(
    boolean enabled,
    String directory,
    Set<String> fileSystems,
    Duration lookupWait,
    Optional<Path> driverDirectory,
    ByteLimit maxBytes,
    long minFreeBytes,
    Duration ttl,
    Map<String, ByteLimit> tagLimits,
    EvictionPolicy eviction,
    Set<DirectoryLimits.Name> limitChanges,
    Admission admission,
    VerifyMode verify,
    String tag,
    Duration settle,
    long chunkBytes,
    String ignoredSettings,
    double auditFraction,
    KeySource encryptionKey,
    boolean literals,
    SqlFunctions sqlFunctions,
    RemoteOptions remote,
    Map<String, Precision> precision,
    double maxRelativeError,
    double maxAbsoluteError,
    Compression compression) {

  /**
   * Reads every key, with its default where it is not set.
   *
   * @throws IllegalArgumentException naming the first bad key, its value and what is allowed
   */
  public static Settings of(Map<String, String> conf) {
    return new Settings(
        read(DiskCacheConf.ENABLED, conf),
        read(DiskCacheConf.DIR, conf),
        read(DiskCacheConf.FILE_SYSTEMS, conf),
        read(DiskCacheConf.LOOKUP_WAIT, conf),
        driverDirectory(conf),
        read(DiskCacheConf.MAX_BYTES, conf),
        read(DiskCacheConf.MIN_FREE_BYTES, conf),
        read(DiskCacheConf.TTL, conf),
        read(DiskCacheConf.TAG_LIMITS, conf),
        read(DiskCacheConf.EVICTION, conf),
        limitChanges(conf),
        read(DiskCacheConf.ADMISSION, conf),
        read(DiskCacheConf.VERIFY, conf),
        read(DiskCacheConf.TAG, conf),
        read(DiskCacheConf.SETTLE, conf),
        read(DiskCacheConf.CHUNK_BYTES, conf),
        read(DiskCacheConf.IGNORED_SETTINGS, conf),
        read(DiskCacheConf.AUDIT_FRACTION, conf),
        keySource(conf),
        read(DiskCacheConf.LITERALS, conf),
        read(DiskCacheConf.SQL_FUNCTIONS, conf),
        new RemoteOptions(
            read(DiskCacheConf.REMOTE_DIR, conf), read(DiskCacheConf.REMOTE_FLUSH, conf)),
        read(DiskCacheConf.PRECISION, conf),
        read(DiskCacheConf.MAX_RELATIVE_ERROR, conf),
        read(DiskCacheConf.MAX_ABSOLUTE_ERROR, conf),
        read(DiskCacheConf.COMPRESSION, conf));
  }

  /** Only limits that somebody has set: a default is nobody's word. */
  private static Set<DirectoryLimits.Name> limitChanges(Map<String, String> conf) {
    return read(DiskCacheConf.LIMITS_CHANGE, conf)
        ? Arrays.stream(DirectoryLimits.Name.values())
            .filter(name -> conf.containsKey(DiskCacheConf.PREFIX + name.key()))
            .collect(Collectors.toUnmodifiableSet())
        : Set.of();
  }

  private static Optional<Path> driverDirectory(Map<String, String> conf) {
    String text = read(DiskCacheConf.DRIVER_DIR, conf);
    try {
      return Optional.of(
          text.isEmpty()
              ? HostDirectory.of(read(DiskCacheConf.DIR, conf)).resolve("driver")
              : HostDirectory.expanded(text));
    } catch (StoreException e) { // which the store of the process says, too
      return Optional.empty();
    }
  }

  private static KeySource keySource(Map<String, String> conf) {
    String file = read(DiskCacheConf.KEY_FILE, conf);
    String env = read(DiskCacheConf.KEY_ENV, conf);
    if (!file.isEmpty() && !env.isEmpty()) {
      throw new IllegalArgumentException(
          "Cannot use both %s and %s: there is one key. Unset one of them."
              .formatted(DiskCacheConf.KEY_FILE.key(), DiskCacheConf.KEY_ENV.key()));
    }
    return new KeySource(file, env);
  }

  /** How the store is opened. */
  public StoreOptions store() {
    return new StoreOptions(
        directory,
        new StoreLimits(maxBytes, minFreeBytes, ttl, tagLimits),
        verify,
        eviction,
        fileSystems,
        limitChanges);
  }

  /** How numbers are kept where a relation has no precision of its own. */
  public PrecisionPolicy precisionPolicy() {
    return new PrecisionPolicy(precision, maxRelativeError, maxAbsoluteError);
  }

  private static <T> T read(ConfEntry<T> entry, Map<String, String> conf) {
    String text = conf.get(entry.key());
    return entry.parse(text == null ? entry.defaultText() : text);
  }
}
