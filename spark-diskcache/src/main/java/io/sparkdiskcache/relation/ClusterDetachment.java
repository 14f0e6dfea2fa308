// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.FoundSet;
import io.sparkdiskcache.relation.Holdings.Detached;
import io.sparkdiskcache.relation.Holdings.DetachedRun;
import io.sparkdiskcache.relation.Holdings.HeldPartitions;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.store.Key;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * On a cluster, an RDD without a parent, if the executors can open, verify and hold all of it: in a
 * job, since they have the stores. An entry that one of them lacks by then means a miss here and
 * not a failure later.
 */
final class ClusterDetachment {
  private final CacheApplication application;
  private final ClusterLookup lookup;
  private final PartitionResults results;

  ClusterDetachment(CacheApplication application, ClusterLookup lookup, PartitionResults results) {
    this.application = application;
    this.lookup = lookup;
    this.results = results;
  }

  /** The units of each partition, from the directories that are said to have them. */
  Optional<Detached> units(
      List<List<CacheUnit>> units, Map<Key, List<String>> elsewhere, RelationSpec spec) {
    return open(units, elsewhere, spec, Optional.empty());
  }

  /** A set from the hosts that hold it, else from the remote tier. */
  Optional<DetachedRun> set(Key setKey, RelationSpec spec, AuditSample audits) {
    Optional<DetachedRun> onHosts =
        lookup
            .directory()
            .findSet(spec.relation(), setKey, Units.partKey(setKey))
            .filter(found -> !found.createdAt().isBefore(spec.notBefore()))
            .flatMap(found -> onHosts(found, setKey, spec, audits));
    return onHosts.isPresent() ? onHosts : remote(setKey, spec);
  }

  private Optional<DetachedRun> onHosts(
      FoundSet set, Key setKey, RelationSpec spec, AuditSample audits) {
    if (audits.contains(set.generation())) {
      application.counters().couldNotAudit(); // parts of it are on other hosts
    }
    List<List<CacheUnit>> members = members(setKey, set.generation(), set.holders().size());
    Map<Key, List<String>> elsewhere = new LinkedHashMap<>();
    for (int i = 0; i < members.size(); i++) {
      elsewhere.put(members.get(i).get(0).storeKey(), List.of(set.holders().get(i)));
    }
    return open(members, elsewhere, spec, Optional.empty())
        .map(found -> new DetachedRun(set.generation(), found.notAfter(set.createdAt())));
  }

  /** A set that the hosts have lost, or new ones never had: the executors fetch its entries. */
  private Optional<DetachedRun> remote(Key setKey, RelationSpec spec) {
    RemoteTier.Wanted wanted =
        new RemoteTier.Wanted(setKey, spec.relation(), spec.fetchedNotBefore());
    return spec.remoteTier()
        .flatMap(tier -> tier.findSet(wanted))
        .flatMap(found -> remote(found, setKey, spec));
  }

  private Optional<DetachedRun> remote(RemoteTier.FoundSet set, Key setKey, RelationSpec spec) {
    List<List<CacheUnit>> members = members(setKey, set.generation(), set.partitions());
    Map<Key, List<String>> anywhere = new LinkedHashMap<>();
    members.forEach(m -> anywhere.put(m.get(0).storeKey(), List.of(ClusterLookup.ANYWHERE)));
    ClusterLookup.RemotePart part =
        new ClusterLookup.RemotePart(
            Units.partKey(setKey).hex(),
            set.generation().hex(),
            set.partitions(),
            set.createdAt().toEpochMilli(),
            set.meta().below(),
            set.meta().fill());
    return open(members, anywhere, spec, Optional.of(part))
        .map(found -> new DetachedRun(set.generation(), found.notAfter(set.createdAt())));
  }

  private static List<List<CacheUnit>> members(Key setKey, Key generation, int partitions) {
    List<List<CacheUnit>> members = new ArrayList<>();
    for (int i = 0; i < partitions; i++) {
      String key = Units.memberKey(setKey, generation, i);
      members.add(List.of(new CacheUnit(key, null, List.of(), true)));
    }
    return members;
  }

  private Optional<Detached> open(
      List<List<CacheUnit>> units,
      Map<Key, List<String>> elsewhere,
      RelationSpec spec,
      Optional<ClusterLookup.RemotePart> remote) {
    CachedPartition[] partitions = new CachedPartition[units.size()];
    Map<Key, String> directories = new LinkedHashMap<>();
    for (int i = 0; i < partitions.length; i++) {
      List<String> common = ClusterLookup.common(units.get(i), elsewhere);
      if (common.isEmpty()) {
        return Optional.empty();
      }
      String directory = common.get(0);
      units.get(i).forEach(unit -> directories.put(unit.storeKey(), directory));
      // Beside what is announced of executors: another one of the host may take their place.
      List<String> hosts =
          directory.equals(ClusterLookup.ANYWHERE)
              ? List.of()
              : List.of(ClusterDirectory.host(directory));
      partitions[i] = new CachedPartition(i, CacheUnit.parentless(units.get(i)), hosts);
    }
    DiskCachedRDD rdd = DiskCachedRDD.detached(application.context(), spec, partitions, results);
    Map<Key, ClusterLookup.Opened> opened =
        directories.isEmpty()
            ? Map.of()
            : lookup.resolve(rdd.id(), rdd.spec(), directories, remote);
    if (opened.size() < directories.size()) {
      rdd.unpersist(false);
      return Optional.empty();
    }
    application
        .counters()
        .hit(
            opened.size(),
            opened.values().stream().mapToLong(ClusterLookup.Opened::computeMillis).sum());
    return Optional.of(detached(rdd, units, opened));
  }

  private static Detached detached(
      DiskCachedRDD rdd, List<List<CacheUnit>> units, Map<Key, ClusterLookup.Opened> opened) {
    List<List<String>> holders = new ArrayList<>();
    Map<Integer, PartitionResult> known = new HashMap<>();
    for (int i = 0; i < units.size(); i++) {
      List<ClusterLookup.Opened> ofPartition =
          units.get(i).stream()
              .map(unit -> Objects.requireNonNull(opened.get(unit.storeKey())))
              .toList();
      holders.add(ofPartition.stream().map(ClusterLookup.Opened::directory).distinct().toList());
      known.put(
          i,
          PartitionResult.found(
              ofPartition.stream().mapToLong(ClusterLookup.Opened::rows).sum(),
              ofPartition.stream().mapToLong(ClusterLookup.Opened::bytes).sum(),
              ofPartition.size(),
              ofPartition.stream()
                  .map(entry -> Findings.ofStored(entry.reads()))
                  .reduce(Findings.NONE, Findings::and)));
    }
    long oldest =
        opened.values().stream()
            .mapToLong(ClusterLookup.Opened::createdMillis)
            .min()
            .orElse(Long.MAX_VALUE);
    return new Detached(rdd, new HeldPartitions(holders, known, Instant.ofEpochMilli(oldest)));
  }
}
