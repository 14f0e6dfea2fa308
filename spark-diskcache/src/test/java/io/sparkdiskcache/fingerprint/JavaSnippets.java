// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles Java sources into directories and jars of their own, and loads them in a new loader. */
final class JavaSnippets implements AutoCloseable {
  private final Path root;
  private final AtomicInteger count = new AtomicInteger();
  private final List<URLClassLoader> loaders = new ArrayList<>();

  JavaSnippets(Path root) {
    this.root = root;
  }

  /** Compiles sources by file name into a new directory. */
  Path compile(Map<String, String> sources, List<Path> classPath, String... options) {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Path home = root.resolve("compiled" + count.incrementAndGet());
    Path classes = home.resolve("classes");
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, UTF_8)) {
      Files.createDirectories(classes);
      List<Path> paths = new ArrayList<>();
      for (Map.Entry<String, String> source : sources.entrySet()) {
        Path file = home.resolve("src").resolve(source.getKey());
        Files.createDirectories(file.getParent());
        Files.writeString(file, source.getValue());
        paths.add(file);
      }
      StringBuilder path = new StringBuilder(System.getProperty("java.class.path"));
      classPath.forEach(p -> path.append(java.io.File.pathSeparator).append(p));
      List<String> arguments = new ArrayList<>(Arrays.asList(options));
      arguments.addAll(
          List.of("-d", classes.toString(), "-cp", path.toString(), "-proc:none", "-nowarn"));
      StringWriter messages = new StringWriter();
      Iterable<? extends JavaFileObject> units = files.getJavaFileObjectsFromPaths(paths);
      if (!compiler.getTask(messages, files, null, arguments, null, units).call()) {
        throw new AssertionError("snippet does not compile: " + messages);
      }
      return classes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Packs a directory of classes into a jar. */
  Path jar(Path classes, long time) {
    Path jar = root.resolve("jar" + count.incrementAndGet() + ".jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
        var files = Files.walk(classes)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile).sorted()::iterator) {
        JarEntry entry = new JarEntry(classes.relativize(file).toString());
        entry.setTime(time);
        out.putNextEntry(entry);
        out.write(Files.readAllBytes(file));
        out.closeEntry();
      }
      return jar;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A loader that is closed with this. */
  URLClassLoader load(Path... places) {
    try {
      URL[] urls = new URL[places.length];
      for (int i = 0; i < places.length; i++) {
        urls[i] = places[i].toUri().toURL();
      }
      URLClassLoader loader = new URLClassLoader(urls, JavaSnippets.class.getClassLoader());
      loaders.add(loader);
      return loader;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The result of the static method {@code make} of a class. */
  static Object make(ClassLoader loader, String type) {
    try {
      var method = Class.forName(type, true, loader).getDeclaredMethod("make");
      method.setAccessible(true);
      return method.invoke(null);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(type + ".make() failed", e);
    }
  }

  static CodeIdentity identity(Path classes, String type) {
    JavaSnippets snippets = new JavaSnippets(classes);
    URLClassLoader loader = snippets.load(classes);
    return new CodeHasher(loader).hash(make(loader, type), "test");
  }

  @Override
  public void close() throws IOException {
    for (URLClassLoader loader : loaders) {
      loader.close();
    }
  }
}
