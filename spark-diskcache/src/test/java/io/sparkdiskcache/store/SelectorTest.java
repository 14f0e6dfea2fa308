// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SelectorTest {
  @TempDir Path temp;
  private final StoreFixture.FakeClock clock = new StoreFixture.FakeClock();

  @BeforeEach
  void fill() throws Exception {
    try (DiskStore store = open(temp, 1 << 30, clock)) {
      add(store, "orders", 100, "aa11", "nightly", "HashAggregate over orders", Map.of());
      clock.advance(Duration.ofDays(10));
      add(
          store,
          "users",
          5000,
          "aa22",
          "nightly",
          "Project [cleaned]",
          Map.of(
              "function.com.acme.Cleaner.normalize", "1f",
              "input.file:/data/users/part-0.parquet", "1,2,3",
              "plan.node.001", "Scan parquet spark_catalog.sales.users[id,name] Batched: true"));
      add(store, "items", 300, "bb33", "", "Project of 'items'", Map.of());
    }
  }

  private static void add(
      DiskStore store,
      String name,
      int length,
      String relation,
      String tag,
      String description,
      Map<String, String> components)
      throws Exception {
    byte[] bytes = content(key(name), length);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    put(
        store,
        key(name),
        bytes,
        new EntryMeta(
            relation + "0".repeat(60),
            Optional.empty(),
            0,
            1,
            length,
            crc.getValue(),
            Duration.ZERO,
            Duration.ZERO,
            tag,
            "app",
            description,
            components));
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "tag=nightly, orders users",
        "tag=night, ``",
        "relation=aa11, orders",
        "relation=AA22, users",
        "older=7d, orders",
        "older=1s, orders",
        "larger=1k, users",
        "larger=299, users items",
        "name=*orders, orders",
        "name=Project*, users items",
        "name=\"Project of 'items'\", items",
        "name='HashAggregate over orders', orders",
        "name=Project ?cleaned? , ``",
        "function=*Cleaner*, users",
        "function=com.acme.Cleaner.normalize, users",
        "function=Cleaner, ``",
        "source=file:/data/users/*, users",
        "source=*part-0.parquet, users",
        "table=users, users",
        "table=sales.users, users",
        "table=spark_catalog.sales.users, users",
        "table=sales, ``",
        "table=*.users, users",
        "tag=nightly older=7d, orders",
        "  tag=nightly   larger=1k  , users",
        "tag=nightly tag=other, ``",
      })
  void allTermsMustHold(String selector, String names) throws Exception {
    if (selector.equals("name=Project ?cleaned?")) {
      assertThatThrownBy(() -> Selector.parse(selector)).hasMessageContaining("?cleaned?");
      return;
    }
    TreeSet<String> expected = new TreeSet<>();
    for (String name : names.split(" ", -1)) {
      if (!name.isEmpty()) {
        expected.add(key(name).hex());
      }
    }
    try (DiskStore store = open(temp, 1 << 30, clock)) {
      List<Entry> selected = store.select(Selector.parse(selector));
      assertThat(selected)
          .extracting(entry -> entry.key().hex())
          .containsExactlyInAnyOrderElementsOf(expected);
      long bytes = selected.stream().mapToLong(Entry::bytes).sum();
      assertThat(store.entries()).as("looking removes nothing").hasSize(3);
      assertThat(store.evict(Selector.parse(selector))).isEqualTo(bytes);
      assertThat(store.entries()).hasSize(3 - expected.size());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "  ",
        "nightly",
        "tag=",
        "tag = x",
        "colour=red",
        "older=soon",
        "larger=-1",
        "relation=xyz1",
        "relation=a",
        "tag=a;older=1d or",
        "older=99999999999999999999d"
      })
  void badSelectorNamesTheTermAndTheFields(String text) {
    assertThatThrownBy(() -> Selector.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Cannot use selector '" + text + "'")
        .hasMessageContaining(Selector.FIELDS);
  }

  @Test
  void componentsAreKeptOnceAndGoWithTheirLastEntry() throws Exception {
    try (DiskStore store = open(temp)) {
      Map<String, String> shared = Map.of("plan", "Scan", "conf.x", "1");
      for (int i = 0; i < 5; i++) {
        add(store, "shared" + i, 10, "cc44", "s", "d", shared);
      }
      assertThat(componentSets(store)).isEqualTo(3);
      assertThat(store.components(key("shared3"))).contains(shared);
      store.evict(entry -> entry.key().equals(key("shared0")));
      assertThat(componentSets(store)).isEqualTo(3);
      store.evict(Selector.parse("tag=s"));
      assertThat(componentSets(store)).isEqualTo(2);
      store.clear();
      assertThat(componentSets(store)).isZero();
    }
  }

  private static long componentSets(DiskStore store) throws Exception {
    return store
        .index()
        .read(
            session ->
                session
                    .first("SELECT count(*) FROM component_sets", row -> row.getLong(1))
                    .orElseThrow());
  }
}
