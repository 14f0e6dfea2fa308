// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which hosts hold how many partitions of which relation, as the driver last knew: what it asks
 * executors for when there are none. Kept between applications in a file with a line for each
 * relation and host, the relation used last at the end. Nothing but the choice of hosts depends on
 * it, so that a line that cannot be read is left out and a file that cannot be written is a
 * warning. Applications that end together may each forget what the other has noted.
 *
 * <p>Under Kubernetes a host is the address of a pod, which never comes back: nothing is noted, and
 * nobody is waited for.
 */
final class RelationHosts {
  private static final Logger log = LoggerFactory.getLogger(RelationHosts.class);
  private static final String FILE = "hosts.tsv";
  private static final String KUBERNETES = "k8s";
  private static final int MAX_RELATIONS = 1_000;
  private static final int MAX_HOSTS = 100;

  private final @Nullable Path file;
  private final Map<String, Map<String, Integer>> relations = new LinkedHashMap<>();
  private final boolean hostsReturn;
  private boolean changed;

  /**
   * @param directory where the notes are; without one nothing is noted
   * @param hostsReturn whether a host can be there again in another application
   */
  RelationHosts(Optional<Path> directory, boolean hostsReturn) {
    this.file = directory.map(notes -> notes.resolve(FILE)).orElse(null);
    this.hostsReturn = hostsReturn;
    if (file == null || !hostsReturn) {
      return;
    }
    try {
      for (String line : Files.readAllLines(file)) {
        String[] columns = line.split("\t", -1);
        if (columns.length == 3 && columns[2].matches("\\d{1,9}")) {
          relations
              .computeIfAbsent(columns[0], r -> new TreeMap<>())
              .put(columns[1], Integer.valueOf(columns[2]));
        }
      }
    } catch (NoSuchFileException e) {
      log.debug("No application has noted its hosts in {} yet", file);
    } catch (IOException e) {
      log.warn("Cannot read from {} which hosts held which relations: {}", file, e.toString());
    }
  }

  /** Whether an executor that comes later can be at the address of one that is gone. */
  static boolean mayReturn(String master) {
    return !master.startsWith(KUBERNETES);
  }

  /** Partitions by host; empty if nothing is known. */
  synchronized Map<String, Integer> of(String relation) {
    return Map.copyOf(relations.getOrDefault(relation, Map.of()));
  }

  /**
   * Notes what is known now.
   *
   * @param held partitions by host
   * @param asked the hosts that were asked; what others hold stays as it was known
   */
  synchronized void note(String relation, Map<String, Integer> held, Set<String> asked) {
    if (!hostsReturn) {
      return;
    }
    Map<String, Integer> before = relations.getOrDefault(relation, Map.of());
    Map<String, Integer> now = new TreeMap<>(before);
    now.keySet().removeAll(asked);
    now.putAll(held);
    changed |= !now.equals(before);
    relations.remove(relation);
    if (!now.isEmpty()) {
      relations.put(relation, now);
    }
    Iterator<String> eldest = relations.keySet().iterator();
    while (relations.size() > MAX_RELATIONS) {
      eldest.next();
      eldest.remove();
    }
  }

  /** Hosts that did not come when they were asked for. */
  synchronized void forget(Collection<String> hosts) {
    relations.values().forEach(of -> changed |= of.keySet().removeAll(hosts));
    relations.values().removeIf(Map::isEmpty);
  }

  synchronized void save() {
    if (!changed || file == null) {
      return;
    }
    List<String> lines = new ArrayList<>();
    relations.forEach(
        (relation, hosts) ->
            hosts.entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
                .limit(MAX_HOSTS)
                .forEach(of -> lines.add(relation + "\t" + of.getKey() + "\t" + of.getValue())));
    try {
      Path directory = java.util.Objects.requireNonNull(file.getParent());
      Files.createDirectories(directory);
      Path written = Files.createTempFile(directory, FILE, ".tmp");
      try {
        Files.write(written, lines);
        Files.move(
            written, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(written);
      }
      changed = false;
    } catch (IOException e) {
      log.warn(
          "Cannot note in {} which hosts hold what: {}. Under dynamic allocation the next"
              + " application does not ask for them. Set spark.diskcache.driver.dir to a directory"
              + " that can be written.",
          file,
          e.toString());
    }
  }
}
