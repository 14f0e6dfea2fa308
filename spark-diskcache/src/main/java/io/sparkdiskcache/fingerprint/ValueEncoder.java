// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.time.ZoneId;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.spark.QueryContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.encoders.ExpressionEncoder;
import org.apache.spark.sql.catalyst.encoders.OuterScopes$;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.ExprId;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GetStructField;
import org.apache.spark.sql.catalyst.expressions.InSet;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.NamedLambdaVariable;
import org.apache.spark.sql.catalyst.expressions.PythonFuncExpression;
import org.apache.spark.sql.catalyst.expressions.ScalaUDF;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.expressions.objects.AssertNotNull;
import org.apache.spark.sql.catalyst.expressions.objects.LambdaVariable;
import org.apache.spark.sql.catalyst.util.CaseInsensitiveMap;
import org.apache.spark.sql.execution.ExecSubqueryExpression;
import org.apache.spark.sql.execution.InSubqueryExec;
import org.apache.spark.sql.execution.ScalarSubquery;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.expressions.Aggregator;
import org.apache.spark.sql.expressions.ReduceAggregator;
import org.apache.spark.sql.types.AbstractDataType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.ObjectType;
import org.apache.spark.sql.types.StructField;
import org.jspecify.annotations.Nullable;
import scala.Enumeration;
import scala.Option;
import scala.Product;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;

/**
 * Encodes what plan nodes are made of: expressions and every other kind of constructor argument.
 *
 * <p>Names of attributes are left out, since they hold expression ids ({@code max(id#3L)}) and are
 * bound by id anyway; where a name chooses what is read or written (scans, struct fields) it is
 * part of the scan or of the type.
 */
final class ValueEncoder {
  private final Encoding encoding;
  private final TypeEncoder types;
  private final ExpressionRules rules;
  private final FunctionIdentity functions;
  private final Consumer<SparkPlan> plans;

  /**
   * @param plans encodes a plan inside an expression: subqueries
   */
  ValueEncoder(
      Encoding encoding,
      TypeEncoder types,
      ExpressionRules rules,
      FunctionIdentity functions,
      Consumer<SparkPlan> plans) {
    this.encoding = encoding;
    this.types = types;
    this.rules = rules;
    this.functions = functions;
    this.plans = plans;
  }

  void expression(Expression expression) {
    rules.check(expression);
    if (expression instanceof AttributeReference attribute) {
      attribute('A', attribute.exprId(), attribute.dataType(), attribute.nullable());
    } else if (expression instanceof NamedLambdaVariable variable) {
      attribute('v', variable.exprId(), variable.dataType(), variable.nullable());
    } else if (expression instanceof LambdaVariable variable) {
      out().tag('w');
      encoding.lambdaVariableId(variable.id());
      types.type(variable.dataType());
      out().putBoolean(variable.nullable());
    } else if (expression instanceof Alias alias) {
      out().tag('a');
      expression(alias.child());
      id(alias.exprId());
    } else if (expression instanceof Literal literal) {
      out().tag('l');
      literal(literal);
    } else if (expression instanceof GetStructField get) {
      out().tag('g').putInt(get.ordinal());
      expression(get.child());
    } else if (expression instanceof AssertNotNull check) {
      out().tag('!');
      expression(check.child());
      // Said in the message of its error: classes by name, with the cells they were typed in.
      CollectionConverters.asJava(check.walkedTypePath())
          .forEach(step -> out().putString(StableNames.withoutCell(step)));
    } else if (expression instanceof InSet in) {
      out().tag('i');
      expression(in.child());
      DataType type = in.child().dataType();
      encoding.unordered(ScalaInterop.set(in.hset()), element -> types.value(element, type));
    } else if (expression instanceof AggregateExpression aggregate) {
      out().tag('&').putString(aggregate.mode().getClass().getName());
      out().putBoolean(aggregate.isDistinct());
      expression(aggregate.aggregateFunction());
      value(aggregate.filter());
      id(aggregate.resultId());
    } else if (expression instanceof ScalaUDF udf) {
      out().tag('j');
      function(udf.function());
      types.type(udf.dataType());
      out().putBoolean(udf.nullable());
      value(udf.children());
      value(udf.inputEncoders());
      value(udf.outputEncoder());
    } else if (expression instanceof PythonFuncExpression python) {
      python(python);
    } else if (expression instanceof ExecSubqueryExpression subquery) {
      subquery(subquery);
    } else {
      product('e', expression, (Product) expression);
    }
    SettingsOfExpressions.of(expression).ifPresent(this::value);
  }

  /** Any constructor argument. */
  void value(@Nullable Object value) {
    if (value == null) {
      out().tag('0');
    } else if (value instanceof Expression expression) {
      expression(expression);
    } else if (value instanceof SparkPlan plan) {
      plans.accept(plan);
    } else if (value instanceof DataType type) {
      types.type(type);
    } else if (value instanceof AbstractDataType type) {
      out().tag('x').putString(type.getClass().getName()); // only guides analysis, which is over
    } else if (value instanceof StructField field) {
      out().tag('p');
      types.field(field);
    } else if (value instanceof Metadata metadata) {
      out().tag('X').putString(metadata.json());
    } else if (value instanceof ExprId id) {
      id(id);
    } else if (value instanceof ExpressionEncoder<?> encoder) {
      out().tag('{');
      expression(encoder.objSerializer());
      expression(encoder.objDeserializer());
    } else if (value instanceof Class<?> type) {
      types.code(type);
    } else if (value instanceof ClassTag<?> tag) {
      types.code(tag.runtimeClass());
    } else if (!types.encodeScalar(value) && !collection(value)) {
      object(value);
    }
  }

  /** A user's function object, or Spark's wrapper around one. */
  void function(Object function) {
    if (function instanceof ReduceAggregator<?> reduce) {
      out().tag('/');
      function(Objects.requireNonNull(field(reduce, "func")));
      value(field(reduce, "_zero"));
      return;
    }
    CodeIdentity identity = functions.hash(function, encoding.place());
    if (identity.capturesMutableState() && encoding.isElsewhere()) {
      throw encoding.refused(
          Refusal.Code.FUNCTION_STATE,
          "function "
              + MemoizableFunction.name(function)
              + " reads "
              + identity.changeable().orElseThrow()
              + ", which can change, and runs below a shuffle or broadcast, where no task of the cache"
              + " can see that it did not; make it immutable (List.copyOf, Map.copyOf, a Scala"
              + " immutable collection, a val that is not lazy), or cache the rows below the shuffle");
    }
    encoding.prove(FunctionProof.of(function, identity));
    out().tag('f').putBytes(identity.digest());
    identity.parts().forEach((name, part) -> encoding.component("function." + name, part));
  }

  /** A field of Spark's aggregator of {@code reduceGroups}; its code is the engine's. */
  private @Nullable Object field(ReduceAggregator<?> reduce, String name) {
    try {
      Field field = ReduceAggregator.class.getDeclaredField(name);
      field.setAccessible(true);
      return field.get(reduce);
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw encoding.refused(
          Refusal.Code.FUNCTION, "the function of reduceGroups cannot be read: " + e);
    }
  }

  /** All but its name, which nobody sees but people; the function by what Python says of it. */
  private void python(PythonFuncExpression expression) {
    out().tag('y').putString(expression.getClass().getName());
    PythonFunctions.encode(expression.name(), expression.func(), encoding);
    Product product = (Product) expression;
    out().putInt(product.productArity());
    for (int i = 0; i < product.productArity(); i++) {
      Object argument = product.productElement(i);
      if (argument != expression.func() && argument != expression.name()) {
        value(argument);
      }
    }
  }

  /** The arguments of a case class of Spark's, in order. */
  void product(char tag, Object owner, Product product) {
    out().tag(tag).putString(owner.getClass().getName()).putInt(product.productArity());
    for (int i = 0; i < product.productArity(); i++) {
      value(product.productElement(i));
    }
  }

  private void attribute(char tag, ExprId id, DataType type, boolean nullable) {
    out().tag(tag);
    id(id);
    types.type(type);
    out().putBoolean(nullable);
  }

  private void id(ExprId id) {
    encoding.expressionId(id.id());
  }

  private void literal(Literal literal) {
    types.type(literal.dataType());
    Object value = literal.value();
    if (literal.dataType() instanceof ObjectType) {
      value(value);
    } else {
      types.value(value, literal.dataType());
    }
  }

  /** Without the result it may hold already, and without its name, which is made of an id. */
  private void subquery(ExecSubqueryExpression subquery) {
    if (subquery instanceof InSubqueryExec in) {
      out().tag('S').putBoolean(in.isDynamicPruning());
      expression(in.child());
    } else if (subquery instanceof ScalarSubquery) {
      out().tag('Q');
    } else {
      throw encoding.refused(
          Refusal.Code.EXPRESSION, "subquery " + subquery.getClass().getName() + " is not known");
    }
    plans.accept((SparkPlan) subquery.plan());
  }

  private boolean collection(Object value) {
    if (value instanceof Option<?> option) {
      out().tag('O').putBoolean(option.isDefined());
      if (option.isDefined()) {
        value(option.get());
      }
    } else if (value instanceof CaseInsensitiveMap<?> map) {
      SortedMap<String, @Nullable Object> lowerCase = new TreeMap<>();
      ScalaInterop.map(map)
          .forEach((key, element) -> lowerCase.put(key.toLowerCase(Locale.ROOT), element));
      named(lowerCase);
    } else if (value instanceof scala.collection.Map<?, ?> map) {
      map(ScalaInterop.map(map));
    } else if (value instanceof scala.collection.Set<?> set) {
      out().tag('Z');
      Set<?> elements = ScalaInterop.set(set);
      encoding.unordered(elements, this::value);
    } else if (value instanceof scala.collection.Seq<?> seq) {
      sequence(ScalaInterop.list(seq));
    } else if (value.getClass().isArray()) {
      out().tag('r').putString(value.getClass().getComponentType().getName());
      int length = Array.getLength(value);
      out().putInt(length);
      for (int i = 0; i < length; i++) {
        value(Array.get(value, i));
      }
    } else {
      return false;
    }
    return true;
  }

  private void map(Map<?, ?> map) {
    SortedMap<String, @Nullable Object> named = new TreeMap<>();
    map.forEach(
        (key, element) -> {
          if (key instanceof String name) {
            named.put(name, element);
          }
        });
    if (named.size() == map.size()) {
      named(named);
      return;
    }
    out().tag('K');
    encoding.unordered(
        map.entrySet(),
        entry -> {
          value(entry.getKey());
          value(entry.getValue());
        });
  }

  /** Keys give an order, so the values may bring ids of their own. */
  private void named(SortedMap<String, @Nullable Object> map) {
    out().tag('}').putInt(map.size());
    map.forEach(
        (key, element) -> {
          out().putString(key);
          value(element);
        });
  }

  private void sequence(List<?> elements) {
    out().tag('[').putInt(elements.size());
    for (Object element : elements) {
      value(element);
    }
  }

  private void object(Object value) {
    Class<?> type = value.getClass();
    if (value instanceof RDD<?>) {
      throw encoding.refused(Refusal.Code.SOURCE, "the content of an RDD has no identity");
    } else if (value instanceof InternalRow) {
      throw encoding.refused(Refusal.Code.ARGUMENT, "a row without a type has no encoding");
    } else if (value instanceof Enumeration.Value constant) {
      out().tag('N').putString(constant.scala$Enumeration$$outerEnum().getClass().getName());
      out().putInt(constant.id()).putString(value.toString());
    } else if (value instanceof Enum<?> constant) {
      out().tag('n').putString(constant.getDeclaringClass().getName()).putString(constant.name());
    } else if (value instanceof ZoneId zone) {
      out().tag('t').putString(zone.getId());
    } else if (type.getNestHost() == OuterScopes$.class) {
      // How an inner class gets the object around it, of which nothing counts: a class that Spark
      // makes from rows is refused if it looks at that object.
      out().tag('o');
    } else if (SparkClasses.isLambda(type) || value instanceof Aggregator<?, ?, ?>) {
      function(value);
    } else if (SparkClasses.isSparkSql(type)) {
      sparkObject(value);
    } else if (value instanceof Product product && type.getName().startsWith("scala.Tuple")) {
      product('(', value, product);
    } else if (!SparkClasses.isPlatform(type)) {
      function(value);
    } else {
      throw encoding.refused(Refusal.Code.ARGUMENT, "an argument of " + type + " has no encoding");
    }
  }

  private void sparkObject(Object value) {
    if (value instanceof QueryContext) {
      out().tag('?'); // where in the text of the query: for messages of errors only
    } else if (!AllowList.has(AllowList.Rule.ARGUMENT, value.getClass())) {
      throw encoding.refused(
          Refusal.Code.ARGUMENT, "an argument of " + value.getClass() + " has no encoding");
    } else if (value instanceof Product product) {
      product('P', value, product);
    } else {
      out().tag('q').putString(value.getClass().getName());
    }
  }

  private CanonicalHasher out() {
    return encoding.out();
  }
}
