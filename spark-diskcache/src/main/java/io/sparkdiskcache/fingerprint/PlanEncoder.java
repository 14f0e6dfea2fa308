// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.Range;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.execution.CollectMetricsExec;
import org.apache.spark.sql.execution.ExternalRDDScanExec;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.FlatMapGroupsInRExec;
import org.apache.spark.sql.execution.FlatMapGroupsInRWithArrowExec;
import org.apache.spark.sql.execution.LocalTableScanExec;
import org.apache.spark.sql.execution.MapPartitionsInRWithArrowExec;
import org.apache.spark.sql.execution.ProjectExec;
import org.apache.spark.sql.execution.RDDScanExec;
import org.apache.spark.sql.execution.RangeExec;
import org.apache.spark.sql.execution.ReusedSubqueryExec;
import org.apache.spark.sql.execution.RowDataSourceScanExec;
import org.apache.spark.sql.execution.SampleExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkScriptTransformationExec;
import org.apache.spark.sql.execution.SubqueryAdaptiveBroadcastExec;
import org.apache.spark.sql.execution.SubqueryBroadcastExec;
import org.apache.spark.sql.execution.SubqueryExec;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.datasources.v2.BatchScanExec;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2ScanExecBase;
import org.apache.spark.sql.execution.exchange.Exchange;
import org.apache.spark.sql.execution.exchange.ReusedExchangeExec;
import org.apache.spark.sql.execution.python.AttachDistributedSequenceExec;
import org.apache.spark.sql.internal.SQLConf;
import scala.Product;

/**
 * Encodes a physical plan, children first, and collects its scans.
 *
 * <p>A node is encoded by its class and constructor arguments only if {@link AllowList} says so;
 * the few nodes that keep state elsewhere, or arguments that say nothing about rows, have cases of
 * their own. Spark's second parameter lists ({@code otherCopyArgs}) hold no state that changes
 * rows, and a test guards the list of classes that have one.
 */
final class PlanEncoder {
  private static final List<Class<?>> SOURCES =
      List.of(
          RDDScanExec.class,
          ExternalRDDScanExec.class,
          RowDataSourceScanExec.class,
          DataSourceV2ScanExecBase.class);

  /** A sample is drawn for every partition; a sequence numbers the rows in the order they come. */
  private static final List<Class<?>> PARTITION_DEPENDENT =
      List.of(SampleExec.class, AttachDistributedSequenceExec.class);

  private static final List<Class<?>> FOREIGN_CODE =
      List.of(
          SparkScriptTransformationExec.class,
          FlatMapGroupsInRExec.class,
          FlatMapGroupsInRWithArrowExec.class,
          MapPartitionsInRWithArrowExec.class);

  private static final String PYTHON = "org.apache.spark.sql.execution.python.";
  private static final int FIELDS_IN_COMPONENTS = 25;

  /** Numbers that are drawn anew for every plan. */
  private static final Pattern IDS =
      Pattern.compile("#\\d+L?|,? ?\\[plan_id=\\d+\\]|,? ?plan_id=\\d+");

  private final Encoding encoding;
  private final TypeEncoder types;
  private final ValueEncoder values;
  private final NestedRelations nested;
  private final ZoneId sessionZone;
  private final Optional<OpaqueInputs> opaque;
  private final OpaqueSources opaqueSources;
  private final RecursiveQueries recursions;
  private final ScanEncoder scans;
  private final List<Integer> leafSlices = new ArrayList<>();
  private boolean metOpaque;
  private boolean adaptive;
  private int nodes;

  /**
   * @param lister lists and identifies the files of a scan
   * @param opaque stands in for inputs without an identity; empty refuses them
   */
  PlanEncoder(
      Encoding encoding,
      FunctionIdentity functions,
      NestedRelations nested,
      SQLConf conf,
      Function<FileSourceScanExec, ScanFiles> lister,
      Optional<OpaqueInputs> opaque) {
    this.encoding = encoding;
    this.opaque = opaque;
    this.nested = nested;
    sessionZone = DateTimeUtils.getZoneId(conf.sessionLocalTimeZone());
    types = new TypeEncoder(encoding, functions);
    values =
        new ValueEncoder(
            encoding, types, new ExpressionRules(encoding, sessionZone), functions, this::subquery);
    opaqueSources = new OpaqueSources(encoding, types, values);
    recursions = new RecursiveQueries(encoding);
    scans = new ScanEncoder(encoding, types, values, lister, sessionZone, opaque.isPresent());
  }

  /** Encodes the plan and what its rows look like. */
  void root(SparkPlan plan) {
    plan(plan);
    encoding.out().tag('=');
    attributes(ScalaInterop.list(plan.output()));
    if (metOpaque) {
      OpaqueInputs inputs = opaque.orElseThrow();
      encoding.out().tag('?').putString(inputs.version());
      encoding.component("input.version", inputs.version());
      encoding.in(Encoding.Where.ELSEWHERE, () -> opaqueSources.encode(inputs.analyzed()));
    }
  }

  /** Whether a user's word is part of the hash. */
  boolean metOpaque() {
    return metOpaque;
  }

  /** The RDDs that the word is for, by their ids; empty if there are none. */
  String opaqueRdds() {
    return opaqueSources.rdds();
  }

  /** Every file scan met, in plan order, each once. */
  List<ScanFiles> scans() {
    return scans.files();
  }

  /** Numbers of partitions of leaves without files, in plan order. */
  List<Integer> leafSlices() {
    return leafSlices;
  }

  ZoneId sessionZone() {
    return sessionZone;
  }

  /** Runs by itself, before the plan. */
  private void subquery(SparkPlan plan) {
    encoding.in(Encoding.Where.ELSEWHERE, () -> plan(plan));
  }

  private void plan(SparkPlan plan) {
    adaptive |= plan instanceof AdaptiveSparkPlanExec;
    encoding.within(
        plan.nodeName(),
        () -> encoding.in(where(PlanShape.runsElsewhere(plan, adaptive)), () -> node(plan)));
  }

  private void node(SparkPlan plan) {
    Optional<String> later = LaterArguments.refusal(plan);
    if (later.isPresent()) {
      throw encoding.refused(Refusal.Code.PLAN_NODE, later.get());
    }
    if (isWrapper(plan)) {
      plan(unwrap(plan));
    } else if (plan instanceof ReusedExchangeExec reused) {
      subquery(reused.child());
      encoding.out().tag('>');
      attributes(ScalaInterop.list(reused.output()));
    } else if (plan instanceof ReusedSubqueryExec reused) {
      plan((SparkPlan) reused.child());
    } else if (plan instanceof SubqueryExec subquery) {
      plan(subquery.child());
      open(plan);
      values.value(subquery.maxNumRows());
    } else if (plan instanceof SubqueryBroadcastExec subquery) {
      pruning(subquery, subquery.child(), subquery.indices(), subquery.buildKeys());
    } else if (plan instanceof SubqueryAdaptiveBroadcastExec subquery) {
      pruning(subquery, subquery.child(), subquery.indices(), subquery.buildKeys());
    } else if (plan instanceof FileSourceScanExec scan) {
      metOpaque |= scans.scan(scan);
    } else if (plan instanceof LocalTableScanExec local) {
      local(local);
    } else if (plan instanceof RangeExec range) {
      range(range);
    } else if (plan instanceof InMemoryTableScanExec cached) {
      cached(cached);
    } else if (RecursiveQueries.isOne(plan)) {
      recursion(plan, recursions.parts(plan).orElseThrow());
    } else if (recursions.step(plan).isPresent()) {
      open(plan).tag('R').putInt(recursions.step(plan).get());
      attributes(ScalaInterop.list(plan.output()));
    } else if (PythonNodes.isKnown(plan)) {
      PythonNodes.check(plan, encoding);
      byArguments(plan);
      PythonNodes.names(plan, encoding.out());
    } else if (AllowList.has(AllowList.Rule.NODE_ARGUMENTS, plan.getClass())) {
      byArguments(plan);
    } else if (opaque.isPresent() && OpaqueSources.reads(plan)) {
      opaque(plan);
    } else if (plan instanceof RDDScanExec scan && LocalLists.reads(scan)) {
      open(plan);
      LocalLists.encode(scan, encoding);
      attributes(ScalaInterop.list(plan.output()));
    } else {
      throw refusedNode(plan);
    }
    describe(plan);
  }

  /** The analyzed plan says which input it reads, and how. */
  private void opaque(SparkPlan plan) {
    metOpaque = true;
    open(plan);
    attributes(ScalaInterop.list(plan.output()));
    if (plan instanceof BatchScanExec scan) {
      values.value(scan.runtimeFilters());
    }
  }

  /** Nodes that only change how rows are handed on. */
  static boolean isWrapper(SparkPlan plan) {
    return AllowList.has(AllowList.Rule.NODE_TRANSPARENT, plan.getClass())
        || plan instanceof TransparentNode
        || isIdentity(plan);
  }

  /**
   * Whether the node hands on its input as it is. Spark leaves such a node in where a query names a
   * column in another case than the table does.
   */
  private static boolean isIdentity(SparkPlan plan) {
    if (!(plan instanceof ProjectExec project)) {
      return false;
    }
    List<NamedExpression> columns = ScalaInterop.list(project.projectList());
    List<Attribute> input = ScalaInterop.list(project.child().output());
    boolean same = columns.size() == input.size();
    for (int i = 0; same && i < columns.size(); i++) {
      same =
          columns.get(i) instanceof Attribute column
              && column.exprId().equals(input.get(i).exprId());
    }
    return same;
  }

  /**
   * The plan inside a wrapper. Of an adaptive plan the initial one: complete, with exchanges and
   * subqueries, and never changed, while the current plan depends on what has run.
   */
  static SparkPlan unwrap(SparkPlan plan) {
    return plan instanceof AdaptiveSparkPlanExec adaptive
        ? adaptive.initialPlan()
        : ScalaInterop.list(plan.children()).get(0);
  }

  private void byArguments(SparkPlan plan) {
    List<SparkPlan> children = ScalaInterop.list(plan.children());
    encoding.in(where(adaptive && !PlanShape.staysAbove(plan)), () -> children(plan, children));
    Product product = (Product) plan;
    open(plan).putInt(children.size());
    for (int i = 0; i < product.productArity(); i++) {
      Object argument = product.productElement(i);
      if (!isChildren(argument, children)) {
        values.value(argument);
      }
    }
  }

  private void children(SparkPlan plan, List<SparkPlan> children) {
    Encoding.Where of =
        children.size() > 1 ? Encoding.Where.SOMETIMES : where(plan instanceof Exchange);
    encoding.in(of, () -> children.forEach(this::plan));
  }

  private static Encoding.Where where(boolean elsewhere) {
    return elsewhere ? Encoding.Where.ELSEWHERE : Encoding.Where.ALWAYS;
  }

  private static boolean isChildren(Object argument, List<SparkPlan> children) {
    if (argument instanceof scala.collection.Seq<?> seq && !seq.isEmpty()) {
      return ScalaInterop.list(seq).stream().allMatch(element -> isChildren(element, children));
    }
    return children.stream().anyMatch(child -> child == argument);
  }

  /** Dynamic pruning: its name is made of an id, and its logical plan says what its child says. */
  private void pruning(
      SparkPlan plan,
      SparkPlan child,
      scala.collection.Seq<Object> indices,
      scala.collection.Seq<Expression> buildKeys) {
    plan(child);
    open(plan);
    values.value(indices);
    values.value(buildKeys);
  }

  private void local(LocalTableScanExec local) {
    if (local.stream().isDefined()) {
      throw encoding.refused(Refusal.Code.SOURCE, "a stream's rows have no fixed content");
    }
    List<Attribute> output = ScalaInterop.list(local.output());
    leafSlices.add(slices(local));
    int rows = local.rows().size();
    open(local).putInt(rows);
    attributes(output);
    ScalaInterop.list(local.rows()).forEach(row -> types.row(row, local.schema()));
  }

  private void range(RangeExec exec) {
    leafSlices.add(slices(exec));
    Range range = exec.range();
    open(exec).putLong(range.start()).putLong(range.end()).putLong(range.step());
    attributes(ScalaInterop.list(exec.output()));
  }

  /**
   * How many partitions a leaf without files has. It depends on the number of cores, so it counts
   * only where units are partitions.
   */
  static int slices(SparkPlan leaf) {
    if (leaf instanceof RangeExec range) {
      return range.numSlices();
    }
    return leaf instanceof LocalTableScanExec local
        ? Math.min(local.rows().size(), local.session().leafNodeDefaultParallelism())
        : 1;
  }

  /** Both parts run by themselves, before the plan. */
  private void recursion(SparkPlan plan, RecursiveQueries.Parts parts) {
    subquery(parts.anchor());
    subquery(parts.recursion());
    open(plan);
    attributes(ScalaInterop.list(plan.output()));
    values.value(parts.limit());
    values.value(parts.maxDepth());
  }

  private void cached(InMemoryTableScanExec scan) {
    InMemoryRelation relation = scan.relation();
    byte[] key =
        nested
            .key(relation)
            .orElseThrow(
                () ->
                    encoding.refused(
                        Refusal.Code.SOURCE,
                        "a cached relation below may be older than its source; cache only the"
                            + " outermost one"));
    open(scan).putBytes(key);
    attributes(ScalaInterop.list(relation.output()));
    attributes(ScalaInterop.list(scan.attributes()));
    values.value(scan.predicates());
  }

  private void attributes(List<? extends Attribute> attributes) {
    encoding.out().putInt(attributes.size());
    attributes.forEach(attribute -> values.expression((Expression) attribute));
  }

  private CanonicalHasher open(SparkPlan plan) {
    return encoding.out().tag('n').putString(plan.getClass().getName());
  }

  private void describe(SparkPlan plan) {
    if (!isWrapper(plan)) {
      String text = IDS.matcher(plan.simpleString(FIELDS_IN_COMPONENTS)).replaceAll("");
      encoding.component(String.format(Locale.ROOT, "plan.node.%03d", nodes++), text);
    }
  }

  private RefusedException refusedNode(SparkPlan plan) {
    Refusal.Code code = refusal(plan.getClass());
    return encoding.refused(
        code,
        switch (code) {
          case SOURCE ->
              plan.nodeName()
                  + " reads rows whose content has no identity; a version of the input gives it"
                  + " one";
          case NON_DETERMINISTIC ->
              plan.nodeName() + " gives rows that depend on how the input is cut into partitions";
          case SIDE_EFFECT -> "observed metrics would be missing when rows are reused";
          case FUNCTION ->
              "the code of " + plan.getClass().getName() + " is not JVM code and has no identity";
          default -> "plan node " + plan.getClass().getName() + " is not known";
        });
  }

  /** Why a node that is not on the list is refused. */
  static Refusal.Code refusal(Class<?> node) {
    if (isAny(node, SOURCES) || OpaqueSources.isHiveScan(node)) {
      return Refusal.Code.SOURCE;
    }
    if (isAny(node, PARTITION_DEPENDENT)) {
      return Refusal.Code.NON_DETERMINISTIC;
    }
    if (CollectMetricsExec.class.isAssignableFrom(node)) {
      return Refusal.Code.SIDE_EFFECT;
    }
    return isAny(node, FOREIGN_CODE) || node.getName().startsWith(PYTHON)
        ? Refusal.Code.FUNCTION
        : Refusal.Code.PLAN_NODE;
  }

  private static boolean isAny(Class<?> node, List<Class<?>> types) {
    return types.stream().anyMatch(type -> type.isAssignableFrom(node));
  }
}
