// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.spark.Partition;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.catalog.CatalogTable;
import org.apache.spark.sql.catalyst.catalog.HiveTableRelation;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.plans.logical.LocalRelation;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.OneRowRelation;
import org.apache.spark.sql.catalyst.plans.logical.Range;
import org.apache.spark.sql.catalyst.plans.logical.SubqueryAlias;
import org.apache.spark.sql.catalyst.plans.logical.View;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.execution.ExternalRDD;
import org.apache.spark.sql.execution.ExternalRDDScanExec;
import org.apache.spark.sql.execution.LogicalRDD;
import org.apache.spark.sql.execution.RDDScanExec;
import org.apache.spark.sql.execution.RowDataSourceScanExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import org.apache.spark.sql.execution.datasources.jdbc.JDBCPartition;
import org.apache.spark.sql.execution.datasources.jdbc.JDBCRelation;
import org.apache.spark.sql.execution.datasources.v2.BatchScanExec;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;
import org.apache.spark.sql.sources.BaseRelation;
import org.jspecify.annotations.Nullable;
import scala.Product;

/**
 * Inputs whose content has no identity, for which the user gives a word.
 *
 * <p>Such a source may have taken filters, limits, aggregates or joins out of the physical plan,
 * and keeps them in objects that nobody can read. So the analyzed plan is encoded beside the
 * physical one: there everything the query asks for is still a node or an expression, and each
 * source is described as far as it can be told from another one. A JDBC relation by URL, table,
 * user, options and partition predicates, but no password; a table of another library by class,
 * catalog, names, version and options; an RDD by where it was made, which says little: two RDDs of
 * one application that look the same are refused, and two applications must use two words.
 */
final class OpaqueSources {
  private static final String HIVE_SCAN = "org.apache.spark.sql.hive.execution.HiveTableScanExec";
  private static final String SECRET = "(passw(or)?d|pwd|secret|[._-]token|access[._-]?key)";
  private static final Pattern CREDENTIAL = Pattern.compile("(?i)" + SECRET + "$");
  private static final Pattern URL_CREDENTIAL =
      Pattern.compile("(?i)([?&;,(][^?&;,()=]*" + SECRET + "=)[^&;,)]*");

  private final Encoding encoding;
  private final TypeEncoder types;
  private final ValueEncoder values;

  /** By id, in the order they were met. */
  private final Map<Integer, Integer> rdds = new LinkedHashMap<>();

  OpaqueSources(Encoding encoding, TypeEncoder types, ValueEncoder values) {
    this.encoding = encoding;
    this.types = types;
    this.values = values;
  }

  /** Whether a physical node reads a source of this kind, in a batch. */
  static boolean reads(SparkPlan plan) {
    if (plan instanceof RDDScanExec scan) {
      return scan.stream().isEmpty();
    }
    if (plan instanceof RowDataSourceScanExec scan) {
      return scan.stream().isEmpty();
    }
    return plan instanceof ExternalRDDScanExec<?>
        || plan instanceof BatchScanExec
        || isHiveScan(plan.getClass());
  }

  /** Known by name only: Hive's classes are not on every class path. */
  static boolean isHiveScan(Class<?> node) {
    return node.getName().equals(HIVE_SCAN);
  }

  /** The RDDs met in {@link #encode}; empty if there are none. */
  String rdds() {
    return rdds.isEmpty() ? "" : rdds.keySet().toString();
  }

  /** The analyzed query, down to its sources. */
  void encode(LogicalPlan plan) {
    encoding.within(plan.nodeName(), () -> node(plan));
  }

  private void node(LogicalPlan plan) {
    if (plan instanceof SubqueryAlias || plan instanceof View) {
      ScalaInterop.list(plan.children()).forEach(this::encode);
    } else if (plan.isStreaming()) {
      throw encoding.refused(Refusal.Code.SOURCE, "a stream's rows have no fixed content");
    } else if (plan.children().isEmpty()) {
      open(plan);
      source(plan);
      attributes(ScalaInterop.list(plan.output()));
    } else if (SparkClasses.isSparkSql(plan.getClass())) {
      Product product = plan;
      ScalaInterop.list(plan.children()).forEach(this::encode);
      open(plan).putInt(product.productArity());
      for (int i = 0; i < product.productArity(); i++) {
        Object argument = product.productElement(i);
        if (!isPlan(argument)) {
          values.value(argument);
        }
      }
    } else {
      throw unknown(plan);
    }
  }

  private static boolean isPlan(@Nullable Object argument) {
    return argument instanceof LogicalPlan
        || (argument instanceof scala.collection.Seq<?> seq
            && seq.nonEmpty()
            && ScalaInterop.list(seq).stream().allMatch(LogicalPlan.class::isInstance));
  }

  private void source(LogicalPlan leaf) {
    if (leaf instanceof LogicalRelation relation) {
      table(ScalaInterop.optional(relation.catalogTable()).orElse(null));
      relation(relation.relation());
    } else if (leaf instanceof LogicalRDD scan) {
      rdd(scan.rdd());
    } else if (leaf instanceof ExternalRDD<?> scan) {
      rdd(scan.rdd());
    } else if (leaf instanceof DataSourceV2Relation relation) {
      version2(relation);
    } else if (leaf instanceof HiveTableRelation relation) {
      table(relation.tableMeta());
    } else if (!(leaf instanceof LocalRelation)
        && !(leaf instanceof Range)
        && !(leaf instanceof OneRowRelation)) {
      throw unknown(leaf);
    }
  }

  private void relation(BaseRelation relation) {
    encoding.out().putString(relation.getClass().getName());
    types.type(relation.schema());
    if (relation instanceof JDBCRelation jdbc) {
      named(ScalaInterop.map(jdbc.jdbcOptions().parameters()));
      encoding.out().putInt(jdbc.parts().length);
      for (Partition part : jdbc.parts()) {
        encoding.out().putString(part.getClass().getName());
        values.value(part instanceof JDBCPartition where ? where.whereClause() : part.index());
      }
      described(jdbc.jdbcOptions().tableOrQuery());
    } else if (relation instanceof HadoopFsRelation files) {
      encoding.out().putString(files.fileFormat().getClass().getName());
      named(ScalaInterop.map(files.options()));
      ScalaInterop.list(files.location().rootPaths())
          .forEach(path -> encoding.out().putString(path.toString()));
    } else {
      encoding.out().putString(relation.toString());
      named(settings(relation));
      described(relation.getClass().getName());
    }
  }

  /**
   * The settings that a relation of another library was given, as far as its fields show them:
   * Kafka's brokers, for one, are nowhere else. Texts, numbers and maps of them; other objects say
   * nothing.
   */
  private static Map<String, String> settings(BaseRelation relation) {
    Map<String, String> settings = new TreeMap<>();
    for (Class<?> c = relation.getClass(); c != null && c != Object.class; c = c.getSuperclass()) {
      for (Field field : c.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers()) && field.trySetAccessible()) {
          try {
            setting(field.getName(), field.get(relation), settings);
          } catch (IllegalAccessException e) {
            throw new IllegalStateException(field + " was made accessible", e);
          }
        }
      }
    }
    return settings;
  }

  private static void setting(String name, @Nullable Object value, Map<String, String> into) {
    if (value instanceof String || value instanceof Number || value instanceof Boolean) {
      into.put(name, value.toString());
    } else if (value instanceof Map<?, ?> map) {
      map.forEach((key, item) -> setting(name + '.' + key, item, into));
    } else if (value instanceof scala.collection.Map<?, ?> map) {
      ScalaInterop.map(map).forEach((key, item) -> setting(name + '.' + key, item, into));
    }
  }

  private void version2(DataSourceV2Relation relation) {
    Table table = relation.table();
    encoding.out().putString(table.getClass().getName()).putString(table.name());
    encoding.out().putString(TableFacts.id(table)).putString(TableFacts.version(table));
    encoding.out().putString(String.valueOf(relation.identifier()));
    encoding
        .out()
        .putString(
            ScalaInterop.optional(relation.catalog()).map(catalog -> catalog.name()).orElse(""));
    encoding.out().putString(TableFacts.timeTravel(relation));
    named(relation.options().asCaseSensitiveMap());
    described(table.name());
  }

  private void table(@Nullable CatalogTable table) {
    encoding.out().putBoolean(table != null);
    if (table != null) {
      encoding.out().putString(table.qualifiedName());
      encoding.out().putString(String.valueOf(table.storage().locationUri()));
      named(ScalaInterop.map(table.storage().properties()));
      types.type(table.schema());
      described(table.qualifiedName());
    }
  }

  /** Where an RDD was made, and those it is made of. */
  private void rdd(RDD<?> rdd) {
    Integer met = rdds.putIfAbsent(rdd.id(), rdds.size());
    if (met != null) {
      encoding.out().tag('^').putInt(met);
      return;
    }
    encoding.out().putString(rdd.getClass().getName()).putString(String.valueOf(rdd.name()));
    encoding.out().putString(rdd.getCreationSite()).putInt(rdd.dependencies().size());
    ScalaInterop.list(rdd.dependencies()).forEach(dependency -> rdd(dependency.rdd()));
    described(rdd.getClass().getSimpleName() + " " + rdd.getCreationSite());
  }

  /** Options by name, without what only proves who asks. */
  private void named(Map<String, String> options) {
    TreeMap<String, String> sorted = new TreeMap<>();
    options.forEach(
        (name, value) -> {
          if (!CREDENTIAL.matcher(name).find()) {
            sorted.merge(
                name.toLowerCase(Locale.ROOT),
                URL_CREDENTIAL.matcher(value).replaceAll("$1"),
                (one, other) -> one + '\0' + other);
          }
        });
    encoding.out().putInt(sorted.size());
    sorted.forEach((name, value) -> encoding.out().putString(name).putString(value));
  }

  private void attributes(Collection<? extends Attribute> attributes) {
    encoding.out().putInt(attributes.size());
    for (Attribute attribute : attributes) {
      encoding.out().putString(attribute.name()).putString(attribute.metadata().json());
      values.expression((Expression) attribute);
    }
  }

  private void described(String source) {
    encoding.component("input.opaque." + source, "by the user's word");
  }

  private CanonicalHasher open(LogicalPlan plan) {
    return encoding.out().tag('N').putString(plan.getClass().getName());
  }

  private RefusedException unknown(LogicalPlan plan) {
    return encoding.refused(
        Refusal.Code.SOURCE,
        "a version cannot stand for " + plan.getClass().getName() + ", which is not known");
  }
}
