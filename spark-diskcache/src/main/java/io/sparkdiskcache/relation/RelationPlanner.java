// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ArrowSchemas;
import io.sparkdiskcache.conf.DiskCacheConf;
import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.fingerprint.FingerprintResult;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.FingerprintResult.Refused;
import io.sparkdiskcache.fingerprint.Refusal;
import io.sparkdiskcache.shim.SparkInternals;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.storage.StorageLevel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.CollectionConverters;

/** Decides, once per cached relation, whether it is kept on the SSD or left to Spark. */
@Internal
public final class RelationPlanner {
  private static final Logger log = LoggerFactory.getLogger(RelationPlanner.class);

  private final SparkSession session;
  private final CacheApplication application;

  /**
   * @throws IllegalArgumentException on a bad configuration value of the application
   */
  public RelationPlanner(SparkSession session) {
    this.session = session;
    this.application = CacheApplication.of(session.sparkContext());
  }

  /** The relation over our builder, or the very same relation. */
  InMemoryRelation keep(InMemoryRelation relation) {
    CachedRDDBuilder original = relation.cacheBuilder();
    if (original instanceof DiskCachedRelationBuilder || !usesDisk(original.storageLevel())) {
      return relation;
    }
    return decide(original) instanceof Decision.Kept kept
        ? SparkInternals.withBuilder(relation, kept.builder())
        : relation;
  }

  /** MEMORY_ONLY and OFF_HEAP say that memory is wanted; they are left to Spark. */
  static boolean usesDisk(StorageLevel level) {
    return level.useDisk() && !level.useOffHeap();
  }

  private Decision decide(CachedRDDBuilder original) {
    synchronized (application) {
      Optional<Decision> earlier = application.decision(original);
      if (earlier.isPresent()) {
        return earlier.get();
      }
      Decision decision = wouldDecide(original);
      if (decision instanceof Decision.LeftToSpark left
          && left.refusal().code() == Refusal.Code.DISABLED) {
        return decision; // of this session only
      }
      application.decide(original, decision);
      if (decision instanceof Decision.LeftToSpark left) {
        application.counters().refused(left.refusal());
        log.info("A cached relation is left to Spark: {}", left.refusal());
      } else if (decision instanceof Decision.Kept kept) {
        SparkInternals.replaceInCacheManager(
            session.sharedState().cacheManager(), original, kept.builder());
      }
      return decision;
    }
  }

  /**
   * The decision as it would be made now. Never throws: an error of ours is no error of the query.
   */
  Decision wouldDecide(CachedRDDBuilder original) {
    try {
      return newDecision(original);
    } catch (Exception | LinkageError | StackOverflowError e) {
      // Scala throws checked exceptions undeclared.
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      log.warn("Cannot decide on a cached relation, so it is left to Spark.", e);
      return left(Refusal.Code.INTERNAL, "It failed: " + e);
    }
  }

  private Decision newDecision(CachedRDDBuilder original) {
    Settings settings;
    try {
      settings = Settings.of(sessionConf(SQLConf.get()));
    } catch (IllegalArgumentException e) {
      return left(Refusal.Code.CONF, String.valueOf(e.getMessage()));
    }
    if (!settings.enabled()) {
      return left(Refusal.Code.DISABLED, DiskCacheConf.ENABLED.key() + " is false.");
    }
    Optional<Decision> obstacle = obstacle(original);
    if (obstacle.isPresent()) {
      return obstacle.get();
    }
    RelationFingerprint fingerprint =
        new RelationFingerprint(
            application,
            settings,
            original.cachedPlan(),
            application.opaqueInputs(original),
            application.precision(original, settings));
    Optional<String> unsupported = ArrowSchemas.unsupportedReason(fingerprint.schema());
    if (unsupported.isPresent()) {
      return left(Refusal.Code.DATA_TYPE, unsupported.get());
    }
    FingerprintResult planned = fingerprint.whenPlanned();
    if (planned instanceof Refused refused) {
      return new Decision.LeftToSpark(refused.refusal());
    }
    Accepted accepted = (Accepted) planned;
    Optional<Path> distrusted =
        application.findStore().flatMap(store -> store.functions().distrusted(accepted.relation()));
    if (distrusted.isPresent()) {
      return left(Refusal.Code.AUDIT, Audit.refusal(distrusted.get()));
    }
    return new Decision.Kept(
        new DiskCachedRelationBuilder(
            application,
            original,
            fingerprint,
            accepted,
            application.tag(original).orElse(settings.tag()),
            settings.compression(),
            application.ttl(original),
            new AuditSample(settings.auditFraction())));
  }

  /** A reason that does not lie in the rows of the relation. */
  private Optional<Decision> obstacle(CachedRDDBuilder original) {
    if (original.isCachedColumnBuffersLoaded()) {
      return Optional.of(
          left(
              Refusal.Code.LOADED,
              "Spark had loaded the relation before the cache saw it; unpersist it and cache it again."));
    }
    if (original.getClass() != CachedRDDBuilder.class || original.supportsColumnarInput()) {
      return Optional.of(
          left(
              Refusal.Code.SERIALIZER,
              "Another library serves this session's cached relations ("
                  + original.serializer().getClass().getName()
                  + "); unset spark.sql.cache.serializer to have them kept on disk."));
    }
    if (application.lacksKey()) {
      return Optional.of(
          left(
              Refusal.Code.ENCRYPTION,
              CacheApplication.IO_ENCRYPTION
                  + " is true and no key is named to encrypt entries with, so nothing is stored."));
    }
    if (application.findStore().isEmpty() && application.needsStoreHere()) {
      return Optional.of(
          left(Refusal.Code.STORE, String.join(" ", application.hostsWithoutStore().values())));
    }
    return Optional.empty();
  }

  private static Decision left(Refusal.Code code, String sentence) {
    return new Decision.LeftToSpark(new Refusal(code, "", sentence));
  }

  /** Our keys among the settings of a session. */
  public static Map<String, String> sessionConf(SQLConf conf) {
    Map<String, String> ours = new HashMap<>();
    CollectionConverters.asJava(conf.getAllConfs())
        .forEach(
            (key, value) -> {
              if (key.startsWith(DiskCacheConf.PREFIX)) {
                ours.put(key, value);
              }
            });
    return ours;
  }
}
