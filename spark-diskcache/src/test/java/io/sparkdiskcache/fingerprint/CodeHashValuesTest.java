// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.Test;

/** The effect of captured values on a function's identity. */
class CodeHashValuesTest {
  record Pair(Object left, Object right) implements java.io.Serializable {}

  /** One lambda for every value, so that only the value differs. */
  private static UDF1<Integer, Object> capture(Object value) {
    return x -> value;
  }

  private static CodeIdentity identity(Object value) {
    return new CodeHasher(CodeHashValuesTest.class.getClassLoader()).hash(capture(value), "test");
  }

  private static void same(Object a, Object b) {
    assertThat(identity(a).digest()).as("%s and %s", a, b).isEqualTo(identity(b).digest());
  }

  private static void different(Object... values) {
    Set<String> digests = new HashSet<>();
    for (Object value : values) {
      assertThat(digests.add(CodeHashEditsTest.hex(identity(value))))
          .as("%s is new", value)
          .isTrue();
    }
  }

  @Test
  void scalarsByTypeAndValue() {
    different(
        1,
        1L,
        (short) 1,
        (byte) 1,
        '1',
        "1",
        1.0,
        1.0f,
        0.0,
        -0.0,
        0.0f,
        -0.0f,
        true,
        false,
        "",
        new BigDecimal("1"),
        new BigDecimal("1.0"),
        new BigDecimal("1.00"),
        BigInteger.ONE,
        Double.NaN,
        Instant.EPOCH,
        LocalDate.EPOCH,
        Duration.ZERO,
        ZoneId.of("UTC"),
        ZoneId.of("Europe/Paris"),
        new UUID(1, 2),
        Pattern.compile("a"),
        Pattern.compile("a", Pattern.DOTALL),
        String.class,
        Integer.class,
        int.class,
        int[].class,
        Thread.State.NEW,
        Thread.State.BLOCKED,
        Optional.empty(),
        Optional.of(1));
    same(
        Double.longBitsToDouble(0x7ff8000000000001L), Double.longBitsToDouble(0x7ff8000000000001L));
    different(Double.NaN, Double.longBitsToDouble(0x7ff8000000000001L));
    same(new String("a"), "a");
    assertThat(identity(new BigDecimal("1.0")).capturesMutableState()).isFalse();
  }

  @Test
  void structureIsPartOfTheValue() {
    different(
        List.of(1, 2),
        List.of(2, 1),
        List.of(List.of(1), 2),
        List.of(1, List.of(2)),
        List.of("a", "bc"),
        List.of("ab", "c"),
        List.of(),
        Set.of(),
        Map.of(),
        List.of(""),
        Map.of("a", 1),
        Map.of(1, "a"),
        Map.of("a", Map.of()),
        new Pair(1, 2),
        new Pair(2, 1),
        Set.of(1, 2),
        Set.of(1, 2, 3));
  }

  @Test
  void hashTablesCountInTheOrderOfTheTask() {
    Map<String, Integer> ascending = new HashMap<>();
    Map<String, Integer> descending = new HashMap<>(4096);
    for (int i = 0; i < 10; i++) {
      ascending.put("k" + i, i);
      descending.put("k" + (9 - i), 9 - i);
    }
    same(ascending, descending);
    Map<String, Integer> chained = new HashMap<>();
    chained.put("Aa", 1);
    chained.put("BB", 1);
    Map<String, Integer> otherwise = new HashMap<>();
    otherwise.put("BB", 1);
    otherwise.put("Aa", 1);
    assertThat(chained.keySet().iterator().next())
        .isNotEqualTo(otherwise.keySet().iterator().next());
    different(
        chained, otherwise, new HashSet<>(chained.keySet()), new HashSet<>(otherwise.keySet()));
    assertThat(identity(ascending).capturesMutableState()).isTrue();
    descending.put("k7", 8);
    assertThat(identity(ascending).digest()).isNotEqualTo(identity(descending).digest());
    assertThat(identity(Set.of(1, 2, 3)).capturesMutableState()).isFalse();
  }

  @Test
  void visibleOrderMatters() {
    Map<String, Integer> ab = new LinkedHashMap<>();
    ab.put("a", 1);
    ab.put("b", 2);
    Map<String, Integer> ba = new LinkedHashMap<>();
    ba.put("b", 2);
    ba.put("a", 1);
    different(ab, ba);
    TreeMap<String, Integer> up = new TreeMap<>(Comparator.naturalOrder());
    TreeMap<String, Integer> down = new TreeMap<>(Comparator.reverseOrder());
    TreeMap<String, Integer> plain = new TreeMap<>();
    different(
        plain,
        up,
        down,
        new TreeMap<>(String.CASE_INSENSITIVE_ORDER),
        new TreeMap<>((Comparator<String> & java.io.Serializable) String::compareTo),
        new TreeMap<>((Comparator<String> & java.io.Serializable) (a, b) -> b.compareTo(a)));
  }

  @SuppressWarnings("JavaUtilDate") // what users capture
  @Test
  void mutableValuesAreHashedByContentAndReported() {
    different(new int[] {1}, new int[] {2}, new long[] {1}, new Integer[] {1}, new byte[] {1});
    same(new int[][] {{1}, {2}}, new int[][] {{1}, {2}});
    for (Object mutable :
        List.of(
            new int[] {1},
            new ArrayList<>(List.of(1)),
            Arrays.asList(1, 2),
            new HashSet<>(List.of(1)),
            Collections.unmodifiableList(new ArrayList<>()),
            java.sql.Timestamp.from(Instant.EPOCH),
            List.of(new int[] {1}),
            new Pair(1, new int[] {1}))) {
      assertThat(identity(mutable).capturesMutableState()).as("%s", mutable).isTrue();
    }
    for (Object immutable :
        List.of(
            1, "a", List.of(1), Map.of(1, 2), new Pair(1, "a"), Optional.of(1), LocalDate.MIN)) {
      assertThat(identity(immutable).capturesMutableState()).as("%s", immutable).isFalse();
    }
  }

  @Test
  void cyclesEnd() {
    List<Object> list = new ArrayList<>();
    list.add(list);
    List<Object> other = new ArrayList<>();
    other.add(other);
    same(list, other);
    different(list, List.of(1), List.of(List.of()));
  }

  @Test
  void deepStructuresAreRefusedNotFatal() {
    List<Object> list = List.of();
    for (int i = 0; i < 200_000; i++) {
      list = List.of(list);
    }
    List<Object> deep = list;
    assertThatThrownBy(() -> identity(deep))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("nested too deeply");
  }

  @Test
  void sparkValues() {
    different(
        RowFactory.create(1, "a"),
        RowFactory.create(1, "b"),
        DataTypes.IntegerType,
        DataTypes.LongType,
        DataTypes.createArrayType(DataTypes.IntegerType));
  }

  @Test
  void largeCollectionsTakeLinearTime() {
    List<Pair> pairs = new ArrayList<>();
    Set<Pair> set = new HashSet<>();
    for (int i = 0; i < 20_000; i++) {
      pairs.add(new Pair(i, "v" + i));
      set.add(new Pair(i, "v" + i));
    }
    same(List.copyOf(pairs), List.copyOf(pairs));
    same(set, new HashSet<>(pairs));
  }
}
