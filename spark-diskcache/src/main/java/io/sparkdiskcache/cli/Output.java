// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A table for people, or JSON for scripts. */
final class Output {
  private static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().setPrettyPrinting().create();

  private final PrintWriter out;
  private final boolean json;

  Output(PrintWriter out, boolean json) {
    this.out = out;
    this.json = json;
  }

  boolean isJson() {
    return json;
  }

  void line(String text) {
    out.println(text);
  }

  /**
   * @param value maps, lists, texts, numbers
   */
  void json(Object value) {
    out.println(GSON.toJson(value));
  }

  /** The outcome of a command in one number: as a sentence or as JSON. */
  void result(String name, long number, String sentence) {
    if (json) {
      json(Map.of(name, number));
    } else {
      line(sentence);
    }
  }

  /** Columns as wide as they must be; those that hold numbers only are aligned to the right. */
  void table(List<String> header, List<List<String>> rows) {
    List<List<String>> all = new ArrayList<>();
    all.add(header);
    all.addAll(rows);
    int[] widths = new int[header.size()];
    boolean[] numbers = new boolean[header.size()];
    for (int column = 0; column < widths.length; column++) {
      int c = column;
      widths[c] = all.stream().mapToInt(row -> row.get(c).length()).max().orElse(0);
      numbers[c] = !rows.isEmpty() && rows.stream().allMatch(row -> isNumber(row.get(c)));
    }
    for (List<String> row : all) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < widths.length; column++) {
        String cell = row.get(column);
        String padding = " ".repeat(widths[column] - cell.length());
        line.append(column == 0 ? "" : "  ");
        line.append(numbers[column] ? padding + cell : cell + padding);
      }
      out.println(line.toString().stripTrailing());
    }
  }

  private static boolean isNumber(String cell) {
    return !cell.isEmpty() && Character.isDigit(cell.charAt(0)) && cell.length() <= 10;
  }
}
