// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.store.Key;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Rows in the stores of the hosts that run the executors. The driver has been told which entries
 * are where, and no more: executors open them.
 */
final class HeldInCluster implements Holdings {
  private final CacheApplication application;
  private final DiskCachedRelationBuilder builder;
  private final ClusterDirectory directory;
  private final ClusterLookup lookup;

  HeldInCluster(
      CacheApplication application, DiskCachedRelationBuilder builder, ClusterDirectory directory) {
    this.application = application;
    this.builder = builder;
    this.directory = directory;
    this.lookup = new ClusterLookup(application.context(), directory);
  }

  /** The driver needs no store. */
  @Override
  public Optional<Objection> obstacle() {
    return Optional.empty();
  }

  @Override
  public Found find(List<List<CacheUnit>> units, Accepted now) {
    List<Key> published =
        units.stream()
            .flatMap(List::stream)
            .filter(CacheUnit::publish)
            .map(CacheUnit::storeKey)
            .toList();
    return new Found(Map.of(), directory.holders(now.relation(), published));
  }

  @Override
  public HeldPartitions use(List<List<CacheUnit>> units, Found found) {
    application.counters().hit(found.size(), 0);
    return new HeldPartitions(
        units.stream().map(of -> ClusterLookup.nearest(of, found.elsewhere())).toList(),
        Map.of(),
        found.size() > 0 ? Instant.EPOCH : Instant.now()); // only the executors know
  }

  @Override
  public Optional<Detached> detach(
      List<List<CacheUnit>> units, Found found, RelationSpec spec, PartitionResults results) {
    return detachment(results).units(units, found.elsewhere(), spec);
  }

  @Override
  public FoundRun findRun(
      Key setKey, RelationSpec spec, PartitionResults results, SetPublisher sets) {
    return new FoundRun(detachment(results).set(setKey, spec, builder.audits()), Optional.empty());
  }

  private ClusterDetachment detachment(PartitionResults results) {
    return new ClusterDetachment(application, lookup, results);
  }

  @Override
  public Optional<Key> generation(Accepted now) {
    Key setKey = Units.setKey(now);
    Instant notBefore = builder.notBefore();
    return directory
        .findSet(now.relation(), setKey, Units.partKey(setKey))
        .filter(set -> !set.createdAt().isBefore(notBefore))
        .map(set -> set.generation());
  }

  @Override
  public boolean keepsRuns() {
    return true;
  }

  @Override
  public void begin(SetPublisher.Run run, SetPublisher sets) {
    String generation = run.generation().hex();
    RelationSpec spec = run.spec();
    application
        .unfinished()
        .begin(
            run.rddId(),
            UnfinishedSets.onCluster(directory, generation, () -> builder.forget(run.rddId())));
    directory.begin(
        Units.partKey(run.setKey()),
        run.generation(),
        run.members().size(),
        run::meta,
        run.evidence()::encoded,
        () -> sets.mayPublish(run),
        meta -> {
          sets.published();
          spec.remoteTier()
              .ifPresent(
                  tier -> tier.uploadSet(run.setKey(), run.generation(), run.members(), meta));
        });
    directory.whenUnwritten(generation, sets::partUnwritten);
  }

  @Override
  public void announce(DiskCachedRDD rdd, HeldPartitions held, String relation) {
    lookup.announce(rdd.id(), held.holders(), held.known());
    directory.watch(relation, rdd.unitKeys());
  }

  @Override
  public StoredPart storedPart(Accepted now) {
    return StoredPart.of(builder, now, directory);
  }
}
