// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.FunctionProof;
import io.sparkdiskcache.fingerprint.MemoizableFunction;
import io.sparkdiskcache.remote.RemoteMemo;
import io.sparkdiskcache.store.MemoCounts;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoFunction;
import io.sparkdiskcache.store.MemoKey;
import io.sparkdiskcache.store.MemoObject;
import io.sparkdiskcache.store.MemoResult;
import io.sparkdiskcache.store.MemoStore;
import java.io.Serializable;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A function that is called once per distinct input. Sent to executors, and used by all of a
 * process's tasks.
 *
 * <p>A row asks the front, then joins or leads the one flight for its key in this process; the
 * leader asks the store, takes the lease among the processes of the host, calls, and puts the
 * result into front and store. Whatever fails on that way but the function itself, the function is
 * called.
 *
 * <h2>Proof</h2>
 *
 * Before the first row it shows that it is the function that the driver identified, and where it
 * holds what can change, after each call, too. From the first difference on it is called for every
 * row, and nothing is kept.
 *
 * <h2>Once per row</h2>
 *
 * Spark may evaluate a deterministic function several times for a row, when it pushes filters down
 * or merges projections. The second time is a hit, in the front or of what this task {@linkplain
 * Unkept remembers} of results that are not kept. Declared non-deterministic, the function could
 * not be used inside of aggregates.
 */
final class MemoizedFunction implements Serializable, MemoizableFunction.Memoized {
  private static final Logger log = LoggerFactory.getLogger(MemoizedFunction.class);
  private static final String FORMAT = "memo-1";
  private static final long FIRST_PAUSE_MILLIS = 2;
  private static final long LONGEST_PAUSE_MILLIS = 100;
  private static final long LONGEST_BACK_OFF_MILLIS = 60_000;

  /** Parts of the environment that show in strings and numbers without being an argument. */
  private static final List<String> DEFAULTS =
      List.of("charset", "locale", "locale.format", "timezone");

  private static final ThreadLocal<Bytes> BUFFER = ThreadLocal.withInitial(Bytes::new);
  private static final ThreadLocal<MessageDigest> DIGEST =
      ThreadLocal.withInitial(Sha256::instance);

  /** The user's function. */
  interface Call extends Serializable {
    @Nullable Object call(@Nullable Object[] arguments) throws Exception;
  }

  private final Call function;
  private final MemoFunction identity;
  private final FunctionProof proof;
  private final MemoOptions options;
  private final Values values;
  private final int[] keyOf;
  private final String directory;
  private final MemoRemote remote;

  private transient volatile @Nullable Open open;
  private transient @Nullable Errors errors; // guarded by this
  private transient volatile boolean differs;

  /** Objects that last as long as the runtime of this process. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Open(
      MemoRuntime runtime,
      MemoCounts counts,
      byte[] prefix,
      Unkept unkept,
      Errors errors,
      @Nullable RemoteMemo remote) {}

  /** An error of the function. The flight does not handle it: others may treat errors otherwise. */
  private static final class CallFailed extends Exception {
    private final Exception error;

    CallFailed(Exception error) {
      super(error);
      this.error = error;
    }
  }

  /**
   * @param directory the cache directory; empty to call the function for every row
   * @param remote where copies of results are
   */
  MemoizedFunction(
      Call function,
      MemoFunction identity,
      FunctionProof proof,
      MemoOptions options,
      Values values,
      int arguments,
      String directory,
      MemoRemote remote) {
    this.function = function;
    this.identity = identity;
    this.proof = proof;
    this.options = options;
    this.values = values;
    this.keyOf = options.keyOf(arguments);
    this.directory = directory;
    this.remote = remote;
  }

  String name() {
    return identity.name();
  }

  @Nullable Object call(@Nullable Object... arguments) throws Exception {
    Open here = open();
    if (here == null) {
      try {
        return attempt(null, arguments).value();
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        return errors().answer(e).value();
      }
    }
    MemoKey key = differs ? null : key(here, arguments);
    if (key == null) {
      here.counts.unkept();
      try {
        return compute(here, arguments).value();
      } catch (CallFailed e) {
        return here.errors.answer(e.error).value();
      }
    }
    Known known = here.runtime.front().get(key);
    if (known == null || !isUsable(known.result())) {
      known = here.unkept.get(key);
    }
    if (known != null) {
      here.counts.hit(known.result());
      return known.value();
    }
    try {
      return here.runtime
          .flights()
          .join(
              key,
              options.lease().multipliedBy(2), // the leader may first wait for another process
              () -> lead(here, key, arguments),
              joined -> here.counts.hit(joined.result()))
          .value();
    } catch (CallFailed e) {
      Known answer = here.errors.answer(e.error);
      here.unkept.put(key, answer);
      return answer.value();
    }
  }

  private @Nullable Open open() {
    Open here = open;
    if (here == null || here.runtime.isClosed()) {
      here = directory.isEmpty() ? null : opened();
      open = here;
    }
    return here;
  }

  private @Nullable Open opened() {
    MemoRuntime runtime = MemoRuntime.find(directory).orElse(null);
    if (runtime == null) {
      return null;
    }
    if (options.maxBytes() < Long.MAX_VALUE) {
      runtime.store().limit(identity, options.maxBytes());
    }
    prove();
    MemoCounts counts = runtime.store().counts(identity);
    return new Open(runtime, counts, prefix(), new Unkept(), errors(), remote.open());
  }

  /**
   * The function here must be the one that the driver saw; else results are neither kept nor
   * believed.
   */
  private void prove() {
    Optional<String> difference = proof.difference(Thread.currentThread().getContextClassLoader());
    if (difference.isPresent() && !differs) {
      differs = true;
      log.info("Results of {} are not kept in this task: {}", identity.name(), difference.get());
    }
  }

  private synchronized Errors errors() {
    Errors known = errors;
    if (known == null) {
      known = new Errors(identity.name(), options.onError());
      errors = known;
    }
    return known;
  }

  // ---- keys

  /** All of the key but the arguments; computed where the function runs. */
  private byte[] prefix() {
    Bytes out = new Bytes();
    out.putText(FORMAT).putText(identity.digest()).putText(identity.version());
    out.putInt(options.params().size());
    options.params().forEach((name, value) -> out.putText(name).putText(value));
    out.putText(values.type().json()).putInt(keyOf.length);
    for (int index : keyOf) {
      out.putInt(index);
    }
    Map<String, String> facts = EnvironmentIdentity.facts();
    DEFAULTS.forEach(name -> out.putText(facts.getOrDefault(name, "")));
    MessageDigest digest = Sha256.instance();
    out.digestInto(digest);
    return digest.digest();
  }

  /** Null if an argument has no encoding. */
  private @Nullable MemoKey key(Open here, @Nullable Object[] arguments) {
    Bytes out = BUFFER.get().clear();
    for (int index : keyOf) {
      if (!Arguments.encode(arguments[index], out)) {
        return null;
      }
    }
    MessageDigest digest = DIGEST.get();
    digest.update(here.prefix);
    out.digestInto(digest);
    return MemoKey.of(digest.digest());
  }

  private String shown(@Nullable Object[] arguments) {
    List<String> texts = new ArrayList<>();
    for (int index : keyOf) {
      texts.add(Arguments.shown(arguments[index]));
    }
    return MemoEntry.join(texts);
  }

  // ---- one key

  private boolean isUsable(MemoResult result) {
    long now = System.currentTimeMillis();
    return now < result.expires() && now - result.created() < options.ttlMillis();
  }

  private Known lead(Open here, MemoKey key, @Nullable Object[] arguments) throws Exception {
    MemoStore store = here.runtime.store();
    long pause = FIRST_PAUSE_MILLIS;
    long deadline = System.nanoTime() + options.lease().toNanos();
    while (true) {
      Known found = find(here, key);
      if (found != null) {
        here.counts.hit(found.result());
        return found;
      }
      MemoStore.Turn turn = store.takeTurn(key, options.lease(), this::isUsable);
      boolean waited = System.nanoTime() - deadline > 0; // also for a result that cannot be read
      if (turn == MemoStore.Turn.CALL || waited) {
        Known fetched = fetch(here, key);
        return fetched == null ? callAndKeep(here, key, arguments) : fetched;
      }
      TimeUnit.MILLISECONDS.sleep(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  private @Nullable Known find(Open here, MemoKey key) {
    long ticket = here.runtime.front().ticket();
    Known front = here.runtime.front().get(key); // somebody may just have landed
    if (front != null && isUsable(front.result())) {
      return front;
    }
    MemoResult result = here.runtime.store().find(key).filter(this::isUsable).orElse(null);
    if (result == null) {
      return null;
    }
    Known known = decoded(here, result);
    if (known != null) {
      here.runtime.front().put(key, known, ticket);
    }
    return known;
  }

  private @Nullable Known decoded(Open here, MemoResult result) {
    try {
      return new Known(values.decode(result.value()), result);
    } catch (RuntimeException e) {
      here.counts.unkept();
      log.warn("Cannot read a kept result of {}, it is computed anew", identity.name(), e);
      return null;
    }
  }

  /** A result that another host has written; one process of a host asks the remote tier. */
  private @Nullable Known fetch(Open here, MemoKey key) {
    if (here.remote == null) {
      return null;
    }
    long ticket = here.runtime.front().ticket();
    MemoObject found = here.remote.find(key).filter(o -> isUsable(o.result())).orElse(null);
    if (found == null) {
      return null;
    }
    Known known = decoded(here, found.result());
    if (known != null) {
      here.runtime.front().put(key, known, ticket);
      here.runtime.store().put(key, identity, found.arguments(), found.result());
      here.counts.hit(found.result());
    }
    return known;
  }

  private Known callAndKeep(Open here, MemoKey key, @Nullable Object[] arguments) throws Exception {
    MemoStore store = here.runtime.store();
    long ticket = here.runtime.front().ticket();
    boolean put = false;
    try {
      Known known = compute(here, arguments);
      MemoResult result = known.result();
      if (proof.isStateful()) {
        prove();
      }
      if (differs) {
        here.counts.unkept();
      } else if (result.expires() > result.created() && isEncoded(result)) {
        String shown = shown(arguments);
        here.runtime.front().put(key, known, ticket);
        store.put(key, identity, shown, result);
        if (here.remote != null) {
          here.remote.put(new MemoObject(key, identity, shown, result));
        }
        put = true;
      } else {
        here.unkept.put(key, known);
      }
      return known;
    } finally {
      if (!put) {
        store.release(key, identity);
      }
    }
  }

  private static boolean isEncoded(MemoResult result) {
    return result.value().length > 0;
  }

  /** Calls, and counts. A result that is not to be kept has expired when it was made. */
  private Known compute(Open here, @Nullable Object[] arguments)
      throws CallFailed, InterruptedException {
    Returned returned;
    try {
      returned = attempt(here.counts, arguments);
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      throw new CallFailed(e);
    }
    Object value = returned.value();
    long nanos = returned.nanos();
    double price = ofResult(0.0, () -> options.price(value));
    here.counts.called(nanos, price);
    long created = System.currentTimeMillis();
    return new Known(
        value,
        new MemoResult(encoded(here, value), created, expires(value, created), nanos, price));
  }

  /** Empty if it is no value of the declared type, of which Spark will complain. */
  private byte[] encoded(Open here, @Nullable Object value) {
    try {
      return values.encode(value);
    } catch (RuntimeException e) {
      here.counts.unkept();
      log.debug("A result of {} cannot be kept", identity.name(), e);
      return new byte[0];
    }
  }

  private long expires(@Nullable Object value, long created) {
    if (value == null && !options.cacheNulls()) {
      return created;
    }
    long ttl = options.ttlMillis();
    MemoOptions.OfResult<Duration> ttlOf = options.ttlOf();
    if (ttlOf != null) {
      ttl = Math.min(ttl, ofResult(Long.MAX_VALUE, () -> ttlOf.of(value).toMillis()));
    }
    return ttl >= MemoResult.NEVER - created ? MemoResult.NEVER : created + Math.max(0, ttl);
  }

  /** The call has been paid for: an error in what the user says about its result loses no more. */
  private <T> T ofResult(T otherwise, Supplier<T> said) {
    try {
      return said.get();
    } catch (RuntimeException e) {
      log.warn("The price or ttl of a result of {} cannot be told", identity.name(), e);
      return otherwise;
    }
  }

  /** The value that a call returned, and how long the call took. */
  private record Returned(@Nullable Object value, long nanos) {}

  /** Every attempt that fails is an error of the ledger; waiting is no time in calls. */
  private Returned attempt(@Nullable MemoCounts counts, @Nullable Object[] arguments)
      throws Exception {
    long backOff = options.backOff().toMillis();
    for (int attempt = 0; ; attempt++) {
      if (options.callsPerSecond() > 0) {
        MemoRuntime.pace(identity, options.callsPerSecond()).await();
      }
      long start = System.nanoTime();
      try {
        Object value = function.call(arguments);
        return new Returned(value, System.nanoTime() - start);
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        if (counts != null) {
          counts.failed(System.nanoTime() - start);
        }
        if (attempt == options.retries()) {
          throw e;
        }
        log.debug("Attempt {} at {} failed", attempt + 1, identity.name(), e);
        TimeUnit.MILLISECONDS.sleep(backOff);
        backOff = Math.min(2 * backOff, LONGEST_BACK_OFF_MILLIS);
      }
    }
  }
}
