// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import org.apache.spark.sql.api.java.UDF1;

/** Asks the service, as users' functions do. */
public final class Remote implements UDF1<String, String> {
  private final String url;

  public Remote(String url) {
    this.url = url;
  }

  @Override
  public String call(String argument) throws IOException {
    return ask(url, argument);
  }

  public static String ask(String url, String argument) throws IOException {
    String query = URLEncoder.encode(argument, StandardCharsets.UTF_8);
    HttpURLConnection connection =
        (HttpURLConnection) URI.create(url + "?" + query).toURL().openConnection();
    try (InputStream in = connection.getInputStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The same, after its author has edited it. */
  public static final class Edited implements UDF1<String, String> {
    private final String url;

    public Edited(String url) {
      this.url = url;
    }

    @Override
    public String call(String argument) throws IOException {
      return ask(url, argument) + "!";
    }
  }
}
