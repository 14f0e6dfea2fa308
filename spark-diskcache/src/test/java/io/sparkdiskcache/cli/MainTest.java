// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryMeta;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.VerifyMode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @TempDir Path temp;
  private Path cache;

  private record Result(int code, String out, String err) {}

  @BeforeEach
  void fill() throws Exception {
    cache = temp.resolve("cache");
    try (DiskStore store = DiskStore.open(new StoreOptions(cache, 1 << 30, VerifyMode.OPEN))) {
      put(store, "aa".repeat(32), 2000, "nightly", "HashAggregate of orders");
      put(store, "ab".repeat(32), 100, "", "Project of users");
    }
  }

  private static void put(DiskStore store, String key, int length, String tag, String description)
      throws Exception {
    put(store, key, Optional.empty(), length, tag, description);
  }

  private static void put(
      DiskStore store,
      String key,
      Optional<Key> generation,
      int length,
      String tag,
      String description)
      throws Exception {
    byte[] bytes = new byte[length];
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    try (PendingEntry pending = store.begin(new Key(key))) {
      Files.write(pending.path(), bytes);
      pending.publish(
          new EntryMeta(
              "cd".repeat(32),
              generation,
              0,
              42,
              length,
              crc.getValue(),
              Duration.ofMillis(90_500),
              Duration.ofMillis(7),
              tag,
              "app-1",
              description,
              Map.of("plan.node.000", "Scan parquet db.orders")));
    }
  }

  private Result run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add(1, "--dir=" + cache);
    int code =
        Main.run(
            new PrintWriter(out, true), new PrintWriter(err, true), all.toArray(String[]::new));
    return new Result(code, out.toString(), err.toString());
  }

  private static Result runPlain(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    return new Result(code, out.toString(), err.toString());
  }

  @Test
  void listIsATableForPeopleAndJsonForScripts() {
    Result table = run("ls", "--sort", "size");
    assertThat(table.code()).isZero();
    assertThat(table.out().lines().toList()).hasSize(4);
    assertThat(table.out().lines().toList().get(0)).startsWith("KEY").endsWith("DESCRIPTION");
    assertThat(table.out().lines().toList().get(1))
        .startsWith("aaaaaaaaaaaa")
        .contains("2.0 KiB", "1m 30s", "nightly", "HashAggregate of orders");
    assertThat(table.out()).contains("2 entries, 2.1 KiB");

    JsonArray json =
        JsonParser.parseString(run("ls", "--json", "tag=nightly").out()).getAsJsonArray();
    assertThat(json).hasSize(1);
    assertThat(json.get(0).getAsJsonObject().get("bytes").getAsLong()).isEqualTo(2000);
    assertThat(json.get(0).getAsJsonObject().get("key").getAsString()).isEqualTo("aa".repeat(32));
    assertThat(run("ls", "--sort=size", "--reverse", "--limit=1").out())
        .contains("abababababab", "first 1 of 2 entries, 100 B")
        .doesNotContain("aaaaaaaaaaaa");
    assertThat(run("ls", "name=Project of users").out()).contains("1 entry, ");
  }

  @Test
  void numbersBelowZeroAreWrong() {
    for (String[] call : new String[][] {{"ls", "--limit=-1"}, {"show", "aa", "--rows=-1"}}) {
      Result result = run(call);
      assertThat(result.code()).isEqualTo(2);
      assertThat(result.err()).contains("-1", "takes 0 or more").hasLineCount(1);
    }
  }

  /** An error that costs a query a hit is a failure of a command. */
  @Test
  void errorsOfTheCacheAreInTheExitCode() throws Exception {
    Path index = cache.resolve("index.db");
    long page;
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + index);
        Statement statement = connection.createStatement()) {
      String root = "SELECT rootpage FROM sqlite_schema WHERE name = 'entries'";
      page = statement.executeQuery(root).getLong(1);
    }
    try (RandomAccessFile file = new RandomAccessFile(index.toFile(), "rw")) {
      file.seek((page - 1) * 4096); // the size of a page
      file.write(new byte[4096]);
    }
    Result listed = run("ls");
    assertThat(listed.code()).isEqualTo(1);
    assertThat(listed.err()).contains("errors in the cache");
  }

  @Test
  void statsSumUpByTag() {
    Result stats = run("stats");
    assertThat(stats.code()).isZero();
    assertThat(stats.out()).contains("entries    2", "nightly", "(none)");
    JsonObject json = JsonParser.parseString(run("stats", "--json").out()).getAsJsonObject();
    assertThat(json.get("bytes").getAsLong()).isEqualTo(2100);
    assertThat(json.getAsJsonObject("tags").getAsJsonObject("nightly").get("entries").getAsLong())
        .isEqualTo(1);
  }

  @Test
  void showTakesAsManyDigitsAsAreUnique() {
    Result shown = run("show", "aa");
    assertThat(shown.code()).isZero();
    assertThat(shown.out())
        .contains("aa".repeat(32), "plan.node.000 = Scan parquet db.orders", "computed in  1m 30s")
        .doesNotContain("null", "generation");
    Result ambiguous = run("show", "a");
    assertThat(ambiguous.code()).isEqualTo(2);
    assertThat(ambiguous.err()).contains("2 keys begin so").hasLineCount(1);
    assertThat(run("show", "ff").code()).isEqualTo(2);
  }

  @Test
  void lookingWritesNothing() throws Exception {
    Map<String, Long> before = times();
    assertThat(run("stats").code()).isZero();
    assertThat(run("ls").code()).isZero();
    assertThat(run("show", "aa").code()).isZero();
    assertThat(run("check").code()).isZero();
    assertThat(run("evict", "tag=nightly", "--dry-run").code()).isZero();
    assertThat(times()).isEqualTo(before);
  }

  /** SQLite makes its shared memory and empty log anew, and removes them. */
  private Map<String, Long> times() throws IOException {
    try (Stream<Path> walk = Files.walk(cache)) {
      Map<String, Long> times = new java.util.TreeMap<>();
      for (Path path : walk.filter(p -> Files.isRegularFile(p)).toList()) {
        times.put(path.toString(), Files.getLastModifiedTime(path).toMillis());
      }
      return times;
    }
  }

  @Test
  void evictRemovesWhatADryRunLists() {
    assertThat(run("evict", "tag=nightly", "larger=1k", "--dry-run").out())
        .contains("aaaaaaaaaaaa", "1 entry");
    assertThat(run("ls").out()).contains("2 entries");
    Result evicted = run("evict", "tag=nightly", "larger=1k");
    assertThat(evicted.code()).isZero();
    assertThat(evicted.out()).contains("evicted 1 entry, 2.0 KiB");
    assertThat(run("ls").out()).contains("1 entry, ");
    assertThat(run("clear").out()).contains("removed 100 B");
    assertThat(run("ls").out()).contains("0 entries");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ls colour=red",
        "ls --sort=colour",
        "evict",
        "evict older=soon",
        "show",
        "import /no/such/file",
        "export /no/such/directory/file",
        "trace --on --off",
        "nonsense"
      })
  void wrongCallsSayWhyInOneLine(String command) {
    Result result = run(command.split(" "));
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).hasLineCount(1).doesNotContain("Exception");
    assertThat(result.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"stast, stats", "evit, evict", "exprot, export", "chek, check"})
  void aMisspeltCommandIsGuessed(String typed, String meant) {
    Result result = runPlain(typed);
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).hasLineCount(1).contains("Did you mean").contains(meant);
  }

  @Test
  void theDirectoryMayComeBeforeTheCommand() {
    assertThat(runPlain("--dir", cache.toString(), "ls").out()).contains("2 entries");
    assertThat(runPlain("ls", "--dir", cache.toString()).out()).contains("2 entries");
    JsonArray both =
        JsonParser.parseString(runPlain("--dir=" + cache, "--json", "ls").out()).getAsJsonArray();
    assertThat(both).hasSize(2);
  }

  @Test
  void exportSaysWhatItLeavesOut() throws Exception {
    Key member = new Key("cc".repeat(32));
    try (DiskStore store = DiskStore.open(new StoreOptions(cache, 1 << 30, VerifyMode.OPEN))) {
      Key generation = new Key("dd".repeat(32));
      put(store, member.hex(), Optional.of(generation), 10, "nightly", "a part");
      SetMeta whole = new SetMeta("a set", Map.of());
      assertThat(store.sets().complete(new Key("ee".repeat(32)), generation, 1, whole)).isTrue();
      Entry damaged = store.find(new Key("aa".repeat(32))).orElseThrow();
      try (FileChannel channel = FileChannel.open(damaged.path(), StandardOpenOption.WRITE)) {
        channel.write(java.nio.ByteBuffer.wrap(new byte[] {1}), 5);
      }
    }
    String file = temp.resolve("some.zip").toString();
    assertThat(run("export", file).out())
        .contains("exported 1 entry")
        .contains("left out 1 entry: parts of results that are kept whole or not at all")
        .contains("left out 1 entry: gone since they were listed, or damaged");
    JsonObject json =
        JsonParser.parseString(run("export", temp.resolve("json.zip").toString(), "--json").out())
            .getAsJsonObject();
    assertThat(json.get("entries").getAsInt()).isEqualTo(1);
    assertThat(json.getAsJsonObject("leftOut").keySet())
        .containsExactlyInAnyOrder("members", "unreadable");
  }

  @Test
  void directoryThatIsNoCacheIsRefusedAndNotMade() {
    Path other = temp.resolve("other");
    Result result = runPlain("ls", "--dir", other.toString());
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).contains("it is no cache directory").hasLineCount(1);
    assertThat(other).doesNotExist();
    assertThat(runPlain().code()).isEqualTo(2);
    assertThat(runPlain("--help").out()).contains("Exit codes", "evict", "generate-completion");
    assertThat(runPlain("--version").out()).startsWith("spark-diskcache");
  }

  @Test
  void checkEndsWithOneUntilItIsFixed() throws Exception {
    Entry entry;
    try (DiskStore store = DiskStore.open(new StoreOptions(cache, 1 << 30, VerifyMode.OPEN))) {
      entry = store.find(new Key("aa".repeat(32))).orElseThrow();
    }
    try (FileChannel channel = FileChannel.open(entry.path(), StandardOpenOption.WRITE)) {
      channel.write(java.nio.ByteBuffer.wrap(new byte[] {1}), 5);
    }
    Result found = run("check");
    assertThat(found.code()).isEqualTo(1);
    assertThat(found.out()).contains("damaged  " + "aa".repeat(32));
    JsonObject json = JsonParser.parseString(run("check", "--json").out()).getAsJsonObject();
    assertThat(json.get("sound").getAsBoolean()).isFalse();
    assertThat(run("check", "--fix").code()).isEqualTo(1);
    assertThat(run("check").code()).isZero();
  }

  @Test
  void exportImportBackupAndTrace() {
    String file = temp.resolve("entries.zip").toString();
    String copy = temp.resolve("copy").toString();
    assertThat(run("export", file, "tag=nightly").out()).contains("exported 1 entry");
    assertThat(run("export", file).code()).as("exists").isEqualTo(2);
    assertThat(run("backup", copy).out()).contains("copied 2.1 KiB");
    assertThat(run("backup", copy).code()).isEqualTo(2);
    assertThat(run("clear").code()).isZero();
    assertThat(run("import", file).out()).contains("imported 1 entry");
    assertThat(run("ls").out()).contains("1 entry, ");
    assertThat(runPlain("ls", "--dir", copy).out()).contains("2 entries");
    assertThat(run("trace", "--on").code()).isZero();
    assertThat(run("trace").out()).contains("0 requests");
    assertThat(run("trace", "--off").code()).isZero();
  }

  @Test
  void completionForTheShell() {
    Result script = runPlain("generate-completion");
    assertThat(script.code()).isZero();
    assertThat(script.out()).contains("complete -F", "--dry-run");
  }

  @Test
  void progressAppearsForWorkThatTakesLong() {
    StringWriter terminal = new StringWriter();
    try (ProgressLine progress = new ProgressLine(new PrintWriter(terminal), true)) {
      progress.at(1, 100);
      assertThat(terminal.toString()).as("not within the first second").isEmpty();
    }
  }

  @Test
  void limitsAreShownAndChanged() throws Exception {
    assertThat(run("limits").out()).contains("maxBytes").contains(Long.toString(1 << 30));
    assertThat(
            run("limits", "--max-bytes", "2m", "--ttl", "7d", "--tag-max-bytes", "nightly=1m")
                .code())
        .isEqualTo(0);
    JsonObject now = JsonParser.parseString(run("limits", "--json").out()).getAsJsonObject();
    assertThat(now.get("maxBytes").getAsString()).isEqualTo(Long.toString(2 << 20));
    assertThat(now.get("tag.maxBytes").getAsString()).isEqualTo("nightly=" + (1 << 20));
    assertThat(now.get("eviction").getAsString()).isEqualTo("cost");
    assertThat(run("limits", "--tag-max-bytes", "nightly=0", "--json").out())
        .doesNotContain("nightly");
    assertThat(run("limits", "--max-bytes", "much").code()).isEqualTo(Main.CALLED_WRONGLY);
  }
}
