// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.List;

/**
 * Third-party libraries that are believed to compute from their arguments, but for the members that
 * {@link ForbiddenCalls} names: by package. They count by content and are not followed. Any other
 * jar is the user's, and followed method by method like the function itself.
 */
final class Libraries {
  private static final List<String> KNOWN =
      List.of(
          "com/fasterxml/",
          "com/google/common/",
          "com/google/gson/",
          "com/google/protobuf/",
          "com/google/re2j/",
          "com/google/i18n/",
          "com/google/zxing/",
          "com/ibm/icu/",
          "com/univocity/",
          "com/typesafe/",
          "com/esotericsoftware/",
          "com/twitter/",
          "com/jayway/",
          "com/opencsv/",
          "com/vividsolutions/",
          "com/uber/h3core/",
          "com/optimaize/",
          "com/networknt/",
          "com/maxmind/",
          "com/thoughtworks/",
          "com/ctc/",
          "com/codahale/",
          "com/clearspring/",
          "com/carrotsearch/",
          "com/squareup/",
          "breeze/",
          "cats/",
          "spire/",
          "shaded/",
          "shapeless/",
          "io/circe/",
          "io/vavr/",
          "io/delta/",
          "io/jsonwebtoken/",
          "io/airlift/",
          "io/swagger/",
          "io/netty/",
          "io/sparkdiskcache/",
          "ai/onnxruntime/",
          "ml/dmlc/",
          "net/minidev/",
          "net/jpountz/",
          "net/jqwik/",
          "net/sf/",
          "net/razorvine/",
          "okio/",
          "play/api/libs/json/",
          "ujson/",
          "upickle/",
          "upack/",
          "org/apache/",
          "org/bouncycastle/",
          "org/codehaus/",
          "org/checkerframework/",
          "org/datanucleus/",
          "org/eclipse/",
          "org/geotools/",
          "org/glassfish/",
          "org/hamcrest/",
          "org/iq80/",
          "org/javatuples/",
          "org/jcodings/",
          "org/joni/",
          "org/jline/",
          "org/joda/",
          "org/json/",
          "org/json4s/",
          "org/jsoup/",
          "org/junit/",
          "org/jvnet/",
          "org/locationtech/",
          "org/ow2/",
          "org/roaringbitmap/",
          "org/rocksdb/",
          "org/scalatest/",
          "org/sparkproject/",
          "org/snakeyaml/",
          "org/tartarus/",
          "org/threeten/",
          "org/typelevel/",
          "org/xerial/",
          "org/yaml/",
          "jakarta/",
          "kotlin/",
          "edu/stanford/",
          "opennlp/",
          "de/jollyday/",
          "ua_parser/",
          "nl/basjes/",
          "smile/",
          "weka/",
          "zio/");

  private Libraries() {}

  /** By the internal name of a class, or the path of its file. */
  static boolean isKnown(String name) {
    for (String prefix : KNOWN) {
      if (name.startsWith(prefix)) {
        return true;
      }
    }
    return false;
  }
}
