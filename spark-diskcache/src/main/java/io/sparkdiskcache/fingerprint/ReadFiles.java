// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.invoke.SerializedLambda;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The files that a function reads. Their content is in its identity; a task that runs it looks at
 * them before it believes an entry, before the first row, and after the last, and keeps nothing if
 * they are others than the driver saw.
 *
 * <p>That says what the code reads when it runs. The content that an initializer read when its
 * class was loaded may be older than the file, so an initializer may read nothing.
 */
final class ReadFiles {
  private final CodeGraph graph;

  /** Path to the method that reads it. */
  private final SortedMap<String, String> paths = new TreeMap<>();

  /**
   * The texts that lambdas captured, by method and number of the parameter; an empty text if
   * several.
   */
  private final Map<String, String> captured = new HashMap<>();

  /** Parameters whose text code has used. */
  private final Set<String> asked = new HashSet<>();

  private @Nullable String initializer;

  ReadFiles(CodeGraph graph) {
    this.graph = graph;
  }

  /** Notes the texts that a lambda brings to its method. */
  void lambda(SerializedLambda form) {
    // Scala's compiler puts a method that unboxes the arguments in front of the one with the body.
    String method =
        form.getImplClass() + "." + form.getImplMethodName().replaceFirst("\\$adapted$", "");
    for (int i = 0; i < form.getCapturedArgCount(); i++) {
      Object value = form.getCapturedArg(i);
      String text = value instanceof String s ? s : "";
      String key = method + " " + i;
      String before = captured.put(key, text);
      if (before != null && !before.equals(text)) {
        captured.put(key, "");
        if (asked.contains(key)) {
          throw graph.refuse(
              Refusal.Code.FUNCTION_STATE,
              "two functions of the same code read "
                  + before
                  + " and "
                  + text
                  + "; read in one of them, or write the path as a constant");
        }
      }
    }
  }

  /** The text in a parameter, if it came with the function; else null. */
  @Nullable String captured(String method, int parameter) {
    String key = method + " " + parameter;
    asked.add(key);
    String text = captured.getOrDefault(key, "");
    return text.isEmpty() ? null : text;
  }

  /** Code of an initializer calls other code, which may read when a class is loaded. */
  void initializerCalls(String at) {
    if (initializer == null) {
      initializer = at;
    }
  }

  void read(String path, String at) {
    paths.putIfAbsent(path, at);
  }

  boolean isEmpty() {
    return paths.isEmpty();
  }

  /** Adds the contents to the identity; to be called when all code is known. */
  void encode(CanonicalHasher into) {
    paths.forEach(
        (path, at) -> {
          if (initializer != null) {
            throw graph.refuse(
                Refusal.Code.FUNCTION,
                at
                    + " reads "
                    + path
                    + ", and "
                    + initializer
                    + " runs code when a class is loaded, which may have read the file before it"
                    + " changed; read it in the function itself");
          }
          if (!FileReaders.isAbsolute(path)) {
            throw graph.refuse(
                Refusal.Code.FUNCTION,
                at
                    + " reads "
                    + path
                    + ", which is another file in a process with another working directory; write"
                    + " the absolute path, or SparkFiles.get");
          }
          String content =
              FileReaders.content(path)
                  .orElseThrow(
                      () ->
                          graph.refuse(
                              Refusal.Code.FUNCTION,
                              at
                                  + " reads "
                                  + path
                                  + ", which is no regular file of at most 64 MiB here; put it on"
                                  + " the driver and on every host, or pass its content"));
          into.tag('Q').putString(path).putString(content);
          graph.part("file " + path, content.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        });
  }
}
