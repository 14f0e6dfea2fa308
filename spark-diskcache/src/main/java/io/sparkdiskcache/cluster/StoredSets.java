// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.Key;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Which directory has which part of a run-bound set, as executors report; not safe for threads. */
final class StoredSets {
  private record Part(String generation, int partitions, long createdMillis, BitSet members) {}

  private record PartOf(String directory, Part part) {}

  /** By directory and key of the set or part. */
  private final Map<String, Map<String, Part>> parts = new LinkedHashMap<>();

  void report(String directory, List<Message.Part> reported) {
    Map<String, Part> of = parts.computeIfAbsent(directory, d -> new HashMap<>());
    for (Message.Part part : reported) {
      of.put(
          part.key(),
          new Part(
              part.generation(),
              part.partitions(),
              part.createdMillis(),
              BitSet.valueOf(part.members())));
    }
  }

  /** Nobody reads the directory any more. */
  void gone(String directory) {
    parts.remove(directory);
  }

  /** The youngest generation under these keys that is complete. */
  Optional<FoundSet> find(List<Key> keys) {
    Map<String, List<PartOf>> generations = new LinkedHashMap<>();
    parts.forEach(
        (directory, of) -> {
          for (Key key : keys) {
            Part part = of.get(key.hex());
            if (part != null) {
              generations
                  .computeIfAbsent(part.generation, g -> new ArrayList<>())
                  .add(new PartOf(directory, part));
            }
          }
        });
    return generations.entrySet().stream()
        .flatMap(e -> whole(new Key(e.getKey()), e.getValue()).stream())
        .max(Comparator.comparing(FoundSet::createdAt));
  }

  private static Optional<FoundSet> whole(Key generation, List<PartOf> parts) {
    int n = parts.get(0).part.partitions;
    String[] holders = new String[n];
    Instant oldest = Instant.MAX;
    for (PartOf of : parts) {
      if (of.part.partitions != n) {
        return Optional.empty();
      }
      of.part.members.stream().filter(i -> i < n).forEach(i -> holders[i] = of.directory);
      Instant created = Instant.ofEpochMilli(of.part.createdMillis);
      oldest = created.isBefore(oldest) ? created : oldest;
    }
    return Arrays.stream(holders).allMatch(Objects::nonNull)
        ? Optional.of(new FoundSet(generation, List.of(holders), oldest))
        : Optional.empty();
  }
}
