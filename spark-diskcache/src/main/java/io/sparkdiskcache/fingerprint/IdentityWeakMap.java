// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Notes on objects, by identity, for as long as the objects live. Thread-safe. */
@Internal
public final class IdentityWeakMap<K, V> {
  private final Map<Ref<K>, V> map = new HashMap<>();
  private final ReferenceQueue<K> collected = new ReferenceQueue<>();

  public synchronized Optional<V> get(K key) {
    return Optional.ofNullable(map.get(new Ref<>(key, null)));
  }

  public synchronized void put(K key, V value) {
    for (Object gone = collected.poll(); gone != null; gone = collected.poll()) {
      map.remove(gone);
    }
    map.put(new Ref<>(key, collected), value);
  }

  /** Forgets all notes. */
  public synchronized void clear() {
    map.clear();
  }

  private static final class Ref<K> extends WeakReference<K> {
    private final int hash;

    Ref(K referent, @Nullable ReferenceQueue<K> queue) {
      super(referent, queue);
      this.hash = System.identityHashCode(referent);
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return this == other
          || (other instanceof Ref<?> that && get() != null && get() == that.get());
    }
  }
}
