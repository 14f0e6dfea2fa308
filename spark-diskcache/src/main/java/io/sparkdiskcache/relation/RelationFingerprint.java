// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.fingerprint.FingerprintOptions;
import io.sparkdiskcache.fingerprint.FingerprintResult;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.NestedRelations;
import io.sparkdiskcache.fingerprint.OpaqueInputs;
import io.sparkdiskcache.fingerprint.PlanFingerprinter;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Fingerprints of one cached plan, taken anew whenever they are asked for, because files and
 * settings move.
 *
 * <p>A plan that reads another disk-cached relation is keyed on what that relation holds. Three
 * moments ask for it differently: planning only wants to know that there will be a key; execution
 * wants the key of the rows that will really be read, and builds a run-bound relation for it if it
 * must; explain looks and touches nothing.
 */
final class RelationFingerprint {
  /** Version of the files; part of every key, together with what they keep of each column. */
  private static final String ENCODING = "arrow.2/";

  private static final String ENCRYPTED = "/encrypted by ";

  private final Settings settings;
  private final SparkPlan plan;

  private final CacheApplication application;
  private final Optional<OpaqueInputs> opaque;
  private final PrecisionPolicy precision;

  /** Relations that the plan was found to read. */
  private final Set<DiskCachedRelationBuilder> nestedBuilders = ConcurrentHashMap.newKeySet();

  RelationFingerprint(
      CacheApplication application,
      Settings settings,
      SparkPlan plan,
      Optional<OpaqueInputs> opaque,
      PrecisionPolicy precision) {
    this.settings = settings;
    this.plan = plan;
    this.application = application;
    this.opaque = opaque;
    this.precision = precision;
  }

  /** The user's word for inputs without an identity; empty if he gave none. */
  String inputVersion() {
    return opaque.map(OpaqueInputs::version).orElse("");
  }

  /** How the numbers of the relation are kept; decided when it is planned. */
  PrecisionPolicy precision() {
    return precision;
  }

  /** Whether any of its columns need not be exact. */
  boolean lowers() {
    return precision.lowers(schema());
  }

  /** Names and types of the rows, in order. */
  StructType schema() {
    List<StructField> fields = new ArrayList<>();
    for (Attribute attribute : CollectionConverters.asJava(plan.output())) {
      fields.add(
          new StructField(
              attribute.name(), attribute.dataType(), attribute.nullable(), attribute.metadata()));
    }
    return new StructType(fields.toArray(StructField[]::new));
  }

  /** Under the settings of planning. */
  FingerprintResult whenPlanned() {
    return take(plan.session().sessionState().conf(), DiskCachedRelationBuilder::plannedIdentity);
  }

  /** Under the settings of execution. */
  FingerprintResult whenExecuted() {
    return take(SQLConf.get(), DiskCachedRelationBuilder::identity);
  }

  /** Under the settings of the calling session, without any effect. */
  FingerprintResult whenExplained() {
    return take(SQLConf.get(), DiskCachedRelationBuilder::peekIdentity);
  }

  /** Results of the partitions of the relations that the plan reads. */
  List<PartitionResults> nestedResults() {
    return nestedBuilders.stream()
        .flatMap(builder -> builder.materialization().stream())
        .map(Materialization::results)
        .toList();
  }

  Configuration hadoopConf() {
    return plan.session().sessionState().newHadoopConf();
  }

  /** The loader of the session's thread: it sees what was added by notebooks and spark.jars. */
  private static ClassLoader classLoader() {
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    return loader != null ? loader : RelationFingerprint.class.getClassLoader();
  }

  private FingerprintResult take(
      SQLConf conf, Function<DiskCachedRelationBuilder, Optional<Identity>> identityOf) {
    Set<InputFile> nestedInputs = new LinkedHashSet<>();
    NestedRelations nested =
        relation -> {
          if (!(relation.cacheBuilder() instanceof DiskCachedRelationBuilder builder)) {
            return Optional.empty();
          }
          nestedBuilders.add(builder);
          Optional<Identity> identity = identityOf.apply(builder);
          identity.ifPresent(i -> nestedInputs.addAll(i.inputs()));
          return identity.map(Identity::key);
        };
    FingerprintOptions options =
        FingerprintOptions.of(encoding())
            .withSettle(settings.settle())
            .withChunkBytes(application.settings().chunkBytes())
            .withNested(nested);
    FingerprintResult result =
        PlanFingerprinter.create(opaque.map(options::withOpaque).orElse(options), classLoader())
            .fingerprint(plan, conf, hadoopConf());
    if (result instanceof Accepted accepted && !nestedInputs.isEmpty()) {
      nestedInputs.addAll(accepted.inputs());
      return accepted.withInputs(List.copyOf(nestedInputs));
    }
    return result;
  }

  private String encoding() {
    Encryption encryption = application.encryption();
    String encoding = ENCODING + precision.describe(schema());
    return encryption == null ? encoding : encoding + ENCRYPTED + encryption.keyId();
  }

  /**
   * The identity of the rows of a relation.
   *
   * @param key of all its rows; of their run as well, if they differ from run to run
   * @param inputs every file they were computed from
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Identity(byte[] key, List<InputFile> inputs) {}
}
