// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * An expensive service on 127.0.0.1 that counts what it is asked: {@code /?x} answers {@code X};
 * {@code fail...} is an error.
 */
public final class CountingServer implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private volatile Gate gate = asked -> {};

  /** Passes a request, perhaps later. */
  @FunctionalInterface
  public interface Gate {
    void pass(String asked) throws InterruptedException;
  }

  public CountingServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.setExecutor(threads);
    server.start();
  }

  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
  }

  public void gate(Gate value) {
    gate = value;
  }

  /** Every request there was, in order. */
  public List<String> asked() {
    return List.copyOf(asked);
  }

  /** Requests since the last call of this. */
  public int count() {
    int count = asked.size();
    asked.clear();
    return count;
  }

  private void answer(HttpExchange exchange) throws IOException {
    String query = exchange.getRequestURI().getQuery();
    asked.add(query);
    try {
      gate.pass(query);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the test has ended
    }
    byte[] body = query.toUpperCase(Locale.ROOT).getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(query.startsWith("fail") ? 500 : 200, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
