// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoFunction;
import io.sparkdiskcache.store.MemoKey;
import io.sparkdiskcache.store.MemoResult;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.VerifyMode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoCommandTest {
  private static final MemoFunction GEOCODE =
      new MemoFunction("d1", "geocode", "1", "maps", "App.geocode");

  @TempDir private Path temp;
  private Path cache;

  @BeforeEach
  void makeCache() throws Exception {
    cache = temp.resolve("cache");
    DiskStore.open(new StoreOptions(cache, 1 << 30, VerifyMode.OPEN)).close();
  }

  private void fill() throws Exception {
    try (MemoStore store = MemoStore.open(cache)) {
      for (String city : List.of("Berlin", "Paris")) {
        MemoResult result =
            new MemoResult(new byte[100], 1_000, MemoResult.NEVER, 2_000_000_000, 0.5);
        store.put(
            new MemoKey(city.length(), 1, 1, 1), GEOCODE, MemoEntry.join(List.of(city)), result);
        store.counts(GEOCODE).called(2_000_000_000, 0.5);
        store.counts(GEOCODE).hit(result);
      }
    }
  }

  private String run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] all = new String[arguments.length + 2];
    System.arraycopy(arguments, 0, all, 0, arguments.length);
    all[arguments.length] = "--dir";
    all[arguments.length + 1] = cache.toString();
    int code = Main.run(new PrintWriter(out), new PrintWriter(err), all);
    assertThat(code).as("%s", err).isZero();
    return out.toString();
  }

  @Test
  void showsTheLedger() throws Exception {
    fill();
    assertThat(run("memo")).contains("geocode", "maps", "4.00s", "1.0000");
    var line = JsonParser.parseString(run("memo", "--json")).getAsJsonArray().get(0);
    assertThat(line.getAsJsonObject().get("calls").getAsLong()).isEqualTo(2);
    assertThat(line.getAsJsonObject().get("notPaid").getAsDouble()).isEqualTo(1.0);
  }

  @Test
  void listsAndEvictsResults() throws Exception {
    fill();
    assertThat(run("memo", "--results")).contains("geocode@1(Berlin)", "geocode@1(Paris)");
    assertThat(run("memo", "arg=Paris")).contains("Paris", "1 memoised result, 100 B");
    assertThat(run("evict", "--dry-run", "function=geocode", "older=1d")).contains("2 memoised");
    assertThat(run("evict", "older=1d")).contains("0 entries").doesNotContain("memoised");
    assertThat(run("evict", "function=geocode", "arg=Paris")).contains("1 memoised result, 100 B");
    assertThat(run("evict", "--json", "tag=maps")).contains("\"results\": 1");
    assertThat(run("memo", "--results")).contains("0 memoised results");
  }

  @Test
  void lookingCreatesNothing() {
    assertThat(run("memo")).contains("DAY");
    assertThat(run("evict", "function=geocode")).contains("0 entries");
    assertThat(Files.exists(cache.resolve("memo"))).isFalse();
  }
}
