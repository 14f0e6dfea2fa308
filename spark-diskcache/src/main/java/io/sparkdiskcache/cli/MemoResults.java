// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.MemoUse;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Results of memoised functions, if the cache directory has any; looking creates nothing. */
final class MemoResults implements AutoCloseable {
  private static final int KEY_DIGITS = 16;
  private static final List<String> HEADER =
      List.of("KEY", "SIZE", "COMPUTE", "PRICE", "AGE", "TAG", "CALL");

  private final @Nullable MemoStore store;

  private MemoResults(@Nullable MemoStore store) {
    this.store = store;
  }

  /** The caller closes it. */
  static MemoResults of(Path cacheDirectory) throws StoreException {
    return new MemoResults(
        MemoStore.exists(cacheDirectory) ? MemoStore.open(cacheDirectory) : null);
  }

  List<MemoEntry> select(Selector selector) throws StoreException {
    return store == null ? List.of() : store.entries(selector);
  }

  List<MemoEntry> all() throws StoreException {
    return store == null ? List.of() : store.entries(entry -> true);
  }

  List<MemoUse> ledger() throws StoreException {
    return store == null ? List.of() : store.ledger();
  }

  long remove(List<MemoEntry> entries) throws StoreException {
    return store == null ? 0 : store.remove(entries);
  }

  static String count(int results) {
    return results + (results == 1 ? " memoised result" : " memoised results");
  }

  static void print(Output out, List<MemoEntry> entries) {
    if (out.isJson()) {
      out.json(entries.stream().map(MemoResults::json).toList());
      return;
    }
    Instant now = Instant.now();
    List<List<String>> rows = new ArrayList<>();
    for (MemoEntry entry : entries) {
      rows.add(
          List.of(
              entry.key().toString().substring(0, KEY_DIGITS),
              Quantities.humanBytes(entry.bytes()),
              Quantities.humanDuration(entry.computeTime()),
              Double.toString(entry.price()),
              Quantities.humanDuration(Duration.between(entry.createdAt(), now)),
              entry.function().tag(),
              Entries.shortened(entry.description())));
    }
    out.table(HEADER, rows);
    out.line(
        count(entries.size())
            + ", "
            + Quantities.humanBytes(entries.stream().mapToLong(MemoEntry::bytes).sum()));
  }

  private static Map<String, Object> json(MemoEntry entry) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("key", entry.key().toString());
    json.put("function", entry.function().name());
    json.put("version", entry.function().version());
    json.put("tag", entry.function().tag());
    json.put("digest", entry.function().digest());
    json.put("arguments", entry.arguments());
    json.put("bytes", entry.bytes());
    json.put("computeNanos", entry.computeTime().toNanos());
    json.put("price", entry.price());
    json.put("created", entry.createdAt().toString());
    entry.expires().ifPresent(expires -> json.put("expires", expires.toString()));
    return json;
  }

  @Override
  public void close() {
    if (store != null) {
      store.close();
    }
  }
}
