// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;
import scala.jdk.javaapi.OptionConverters;

/** Scala's collections as Java's, views without copies. */
final class ScalaInterop {
  private ScalaInterop() {}

  static <T> List<T> list(scala.collection.Seq<T> seq) {
    return CollectionConverters.asJava(seq);
  }

  static <T> scala.collection.immutable.Seq<T> seq(List<T> list) {
    return CollectionConverters.asScala(list).toSeq();
  }

  static <T> Set<T> set(scala.collection.Set<T> set) {
    return CollectionConverters.asJava(set);
  }

  static <K, V> Map<K, V> map(scala.collection.Map<K, V> map) {
    return CollectionConverters.asJava(map);
  }

  static <T> Iterable<T> iterable(scala.collection.Iterator<T> iterator) {
    return () -> CollectionConverters.asJava(iterator);
  }

  static <T> Optional<T> optional(Option<T> option) {
    return OptionConverters.toJava(option);
  }

  /** Tests for instances of {@code type}. */
  static <T> scala.Function1<T, Object> predicate(Class<?> type) {
    return new scala.runtime.AbstractFunction1<>() {
      @Override
      public Object apply(T value) {
        return type.isInstance(value);
      }
    };
  }
}
