// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.ByteLimit;
import io.sparkdiskcache.store.DirectoryLimits;
import io.sparkdiskcache.store.DirectoryLimits.Name;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.EvictionPolicy;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreLimits;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "limits",
    description = "Shows the limits of the directory, or changes those that are given.")
final class LimitsCommand extends CacheCommand {
  private static final ByteLimit DEFAULT = ByteLimit.parse("50g");

  @Option(names = "--max-bytes", paramLabel = "SIZE", description = "Such as 200g or 30%%.")
  private @Nullable String maxBytes;

  @Option(names = "--min-free-bytes", paramLabel = "SIZE", description = "Such as 10g; 0 for none.")
  private @Nullable String minFreeBytes;

  @Option(names = "--ttl", paramLabel = "TIME", description = "Such as 7d; 0s for ever.")
  private @Nullable String ttl;

  @Option(
      names = "--tag-max-bytes",
      paramLabel = "TAG=SIZE",
      split = ",",
      description = "Of entries with a tag; 0 for no limit. Other tags keep theirs.")
  private Map<String, String> tags = Map.of();

  @Option(names = "--eviction", paramLabel = "POLICY", description = "${COMPLETION-CANDIDATES}.")
  private @Nullable EvictionPolicy eviction;

  @Override
  int run(DiskStore store, Output out) throws StoreException {
    Optional<DirectoryLimits> found = store.maintenance().limits();
    DirectoryLimits before =
        found.orElse(
            new DirectoryLimits(
                new StoreLimits(DEFAULT, 0, Duration.ZERO, Map.of()), EvictionPolicy.COST));
    DirectoryLimits after;
    Set<Name> names = EnumSet.noneOf(Name.class);
    try {
      after = changed(before, names);
    } catch (IllegalArgumentException e) {
      throw wrong(String.valueOf(e.getMessage()));
    }
    if (!names.isEmpty()) {
      store.maintenance().limit(after);
    } else if (found.isEmpty()) {
      out.line("The directory has no limits yet: the next application writes its own.");
      return 0;
    }
    if (out.isJson()) {
      out.json(after.described());
    } else {
      after
          .described()
          .forEach((name, value) -> out.line(String.format(Locale.ROOT, "%-14s %s", name, value)));
    }
    return 0;
  }

  private DirectoryLimits changed(DirectoryLimits before, Set<Name> names) {
    StoreLimits limits = before.limits();
    Map<String, ByteLimit> ofTags = new HashMap<>(limits.tags());
    tags.forEach(
        (tag, size) -> {
          if (size.equals("0")) {
            ofTags.remove(tag);
          } else {
            ofTags.put(tag, ByteLimit.parse(size));
          }
        });
    DirectoryLimits given =
        new DirectoryLimits(
            new StoreLimits(
                maxBytes == null ? limits.maxBytes() : ByteLimit.parse(maxBytes),
                minFreeBytes == null ? limits.minFreeBytes() : Quantities.bytes(minFreeBytes),
                ttl == null ? limits.ttl() : Quantities.duration(ttl),
                ofTags),
            eviction == null ? before.eviction() : eviction);
    note(names, Name.MAX_BYTES, maxBytes != null);
    note(names, Name.MIN_FREE_BYTES, minFreeBytes != null);
    note(names, Name.TTL, ttl != null);
    note(names, Name.TAG_MAX_BYTES, !tags.isEmpty());
    note(names, Name.EVICTION, eviction != null);
    return before.with(given, names);
  }

  private static void note(Set<Name> names, Name name, boolean given) {
    if (given) {
      names.add(name);
    }
  }
}
