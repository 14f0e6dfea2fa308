// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import net.razorvine.pickle.Opcodes;
import net.razorvine.pickle.PickleException;
import net.razorvine.pickle.Unpickler;
import org.apache.spark.Dependency;
import org.apache.spark.Partition;
import org.apache.spark.api.python.PythonRDD;
import org.apache.spark.rdd.MapPartitionsRDD;
import org.apache.spark.rdd.ParallelCollectionPartition;
import org.apache.spark.rdd.ParallelCollectionRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.execution.RDDScanExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.jspecify.annotations.Nullable;

/**
 * Frames that PySpark's {@code createDataFrame} has made of a list, which count by their rows.
 *
 * <p>PySpark pickles the rows in batches, parallelizes the batches, and plans an RDD over them that
 * turns each into rows of Spark. No plan tells such an RDD from any other, so the package {@code
 * sparkdiskcache} registers it at the moment it is made. What PySpark puts between the batches and
 * the rows is its own code, the same for every list: batches, their partitions and the schema
 * decide which rows there are.
 *
 * <p>Pickled objects may run code of any module where they are read. A list that holds more than
 * plain values is refused, and so is a large one, since every look at the plan would read it.
 */
@Internal
public final class LocalLists {
  static final long MAX_BYTES = 64L << 20;

  /** Read at once, as objects that take ten times as much. */
  static final int MAX_BATCH_BYTES = 16 << 20;

  private static final int SHOWN = 12;
  private static final String CURE =
      "; write the rows to a file and read that, or give the input a version";

  /** What PySpark sends of plain values by a name: other values of columns have opcodes. */
  private static final Set<String> PLAIN =
      Set.of("decimal.Decimal", "builtins.bytearray", "array.array", "array._array_reconstructor");

  /** Empty until somebody wants to know. */
  private static final IdentityWeakMap<RDD<?>, Optional<Content>> LISTS = new IdentityWeakMap<>();

  private LocalLists() {}

  /**
   * @param digest in hexadecimal
   * @param refusal why the bytes are no identity
   */
  private record Content(String digest, long bytes, @Nullable String refusal) {}

  /** Notes that PySpark has made these rows of a list. */
  public static void register(RDD<?> rows) {
    LISTS.put(rows, Optional.empty());
  }

  /** Whether a node reads a list that is registered. */
  static boolean reads(SparkPlan plan) {
    return plan instanceof RDDScanExec scan
        && scan.stream().isEmpty()
        && LISTS.get(scan.rdd()).isPresent();
  }

  /** Encodes the rows of a registered list and how they are cut into partitions, or refuses. */
  static void encode(RDDScanExec scan, Encoding encoding) {
    Content content = LISTS.get(scan.rdd()).flatMap(read -> read).orElseGet(() -> read(scan.rdd()));
    LISTS.put(scan.rdd(), Optional.of(content));
    if (content.refusal() != null) {
      throw encoding.refused(Refusal.Code.SOURCE, content.refusal() + CURE);
    }
    encoding.out().tag('L').putString(content.digest());
    encoding.component(
        "list." + content.digest().substring(0, SHOWN), content.bytes() + " bytes of pickled rows");
  }

  private static Content read(RDD<?> rows) {
    Optional<ParallelCollectionRDD<?>> source = source(rows);
    if (source.isEmpty()) {
      return refused("the rows of the list were replaced, by a checkpoint for one");
    }
    List<List<byte[]>> partitions = new ArrayList<>();
    long bytes = 0;
    for (Partition partition : source.get().partitions()) {
      List<byte[]> batches = new ArrayList<>();
      for (Object batch : values(partition)) {
        if (!(batch instanceof byte[] pickled)) {
          return refused("the list was not pickled by PySpark");
        }
        bytes += pickled.length;
        batches.add(pickled);
      }
      partitions.add(batches);
    }
    if (bytes > MAX_BYTES) {
      return refused(
          "the rows of the list have "
              + bytes
              + " bytes, more than the "
              + MAX_BYTES
              + " that are read for a key");
    }
    return digest(partitions, bytes);
  }

  private static Content digest(List<List<byte[]>> partitions, long bytes) {
    CanonicalHasher hasher = new CanonicalHasher().putInt(partitions.size());
    for (List<byte[]> batches : partitions) {
      hasher.putInt(batches.size());
      for (byte[] batch : batches) {
        if (batch.length > MAX_BATCH_BYTES) {
          return refused(
              "rows of the list are pickled together with "
                  + batch.length
                  + " bytes, more than the "
                  + MAX_BATCH_BYTES
                  + " that are read at once");
        }
        try {
          new PlainRows().loads(batch);
        } catch (IOException | RuntimeException e) {
          return refused("the list holds more than plain values: " + e.getMessage());
        }
        hasher.putBytes(batch);
      }
    }
    return new Content(HexFormat.of().formatHex(hasher.digest()), bytes, null);
  }

  private static Content refused(String sentence) {
    return new Content("", 0, sentence);
  }

  /** The parallelized batches, below the RDDs that PySpark puts above them. */
  private static Optional<ParallelCollectionRDD<?>> source(RDD<?> rows) {
    RDD<?> at = rows;
    while (at instanceof MapPartitionsRDD<?, ?> || at instanceof PythonRDD) {
      List<? extends Dependency<?>> below = ScalaInterop.list(at.dependencies());
      if (below.size() != 1) {
        return Optional.empty();
      }
      at = below.get(0).rdd();
    }
    return at instanceof ParallelCollectionRDD<?> source ? Optional.of(source) : Optional.empty();
  }

  private static List<Object> values(Partition partition) {
    List<Object> values = new ArrayList<>();
    scala.collection.Iterator<?> each = ((ParallelCollectionPartition<?>) partition).iterator();
    while (each.hasNext()) {
      values.add(each.next());
    }
    return values;
  }

  /** Reads pickled values, and stops where one names what is not plain. */
  private static final class PlainRows extends Unpickler {
    @Override
    protected Object dispatch(short key) throws PickleException, IOException {
      if (key == Opcodes.GLOBAL || key == Opcodes.INST) {
        throw new PickleException("an object of a protocol that PySpark does not use");
      }
      if (key == Opcodes.STACK_GLOBAL) {
        Object name = stack.pop();
        Object module = stack.pop();
        if (!PLAIN.contains(module + "." + name)) {
          throw new PickleException("an object of " + module + "." + name);
        }
        stack.add(module);
        stack.add(name);
      }
      return super.dispatch(key);
    }
  }
}
