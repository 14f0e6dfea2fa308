// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HiddenLiteralsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Filter (name = secret)|Filter",
        "Scan parquet spark_catalog.default.orders[id,name] Batched: true, DataFilters: [(name = secret)]|Scan parquet spark_catalog.default.orders",
        "Scan csv [id] PushedFilters: [EqualTo(name,secret)]|Scan csv",
        "LocalLimit 5|LocalLimit",
        "HashAggregate(keys=[secret], functions=[])|HashAggregate",
        "LocalTableScan [secret]|LocalTableScan",
        "Scan JDBCRelation((SELECT secret) q) [numPartitions=1]|Scan JDBCRelation",
        "(secret)|(hidden)"
      })
  void ofStepsTheirNamesStay(String step, String shown) {
    assertThat(HiddenLiterals.step(step)).isEqualTo(shown);
  }

  @Test
  void namesThatQuoteExpressionsAreHidden() {
    SortedMap<String, String> hidden =
        HiddenLiterals.in(
            new TreeMap<>(
                Map.of(
                    "plan.node.000", "Project [secret AS x]",
                    "column.id", "bigint",
                    "column.concat(id, secret)", "string",
                    "input.opaque.(SELECT secret) q", "by the user's word",
                    "input.file:/data/a.parquet", "1,2,",
                    "plan.class", "ROW_LOCAL")));
    assertThat(hidden.toString()).doesNotContain("secret");
    assertThat(hidden)
        .hasSize(6)
        .containsEntry("column.id", "bigint")
        .containsEntry("plan.node.000", "Project")
        .containsEntry("input.file:/data/a.parquet", "1,2,");
  }
}
