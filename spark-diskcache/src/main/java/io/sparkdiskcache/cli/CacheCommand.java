// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The common parts of all commands: directory, form of the output, opening and closing. */
@Command(mixinStandardHelpOptions = true)
abstract class CacheCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--file-system",
      paramLabel = "TYPE",
      description =
          "Accept the directory though its file system, of this type, is not known as local.")
  private List<String> fileSystems = List.of();

  /** The command itself; the store is closed by the caller. */
  abstract int run(DiskStore store, Output out) throws IOException, StoreException;

  @Override
  public Integer call() throws IOException, StoreException {
    Path chosen = chosen();
    if (!Files.isRegularFile(chosen.resolve("format"))) {
      throw wrong("Cannot use '" + chosen + "': it is no cache directory. Name one with --dir.");
    }
    // Limits are the business of whoever writes: nothing is evicted here that was not asked for.
    try (DiskStore store = DiskStore.openForMaintenance(chosen, Set.copyOf(fileSystems))) {
      int code = run(store, new Output(commandLine().getOut(), main().json()));
      long errors = store.stats().errors(); // which cost a query a hit, but here the answer
      if (errors > 0) {
        commandLine().getErr().println(errors + " errors in the cache, see the warnings above.");
      }
      return code == 0 && errors > 0 ? Main.FAILED : code;
    }
  }

  private Main main() {
    return Main.of(commandLine());
  }

  private Path chosen() throws StoreException {
    Path directory = main().directory();
    return directory == null ? HostDirectory.of(HostDirectory.DEFAULT) : directory;
  }

  /** The caller closes it. */
  final MemoResults memoResults() throws StoreException {
    return MemoResults.of(chosen());
  }

  final CommandLine commandLine() {
    if (spec == null) {
      throw new IllegalStateException("picocli sets the specification before it calls");
    }
    return spec.commandLine();
  }

  /** Ends the command with one line and the exit code for a wrong call. */
  final ParameterException wrong(String message) {
    return new ParameterException(commandLine(), message);
  }

  /** Words of a selector as one. */
  final Selector selector(List<String> words) {
    return selector(commandLine(), words);
  }

  static Selector selector(CommandLine of, List<String> words) {
    try {
      return Selector.parse(String.join(" ", quoted(words)));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(of, e.getMessage(), e);
    }
  }

  /** The shell has taken the quotes away. */
  private static List<String> quoted(List<String> words) {
    List<String> quoted = new ArrayList<>();
    for (String word : words) {
      int at = word.indexOf('=');
      boolean one = at > 0 && word.contains(" ") && word.indexOf('=', at + 1) < 0;
      quoted.add(one ? word.substring(0, at + 1) + '"' + word.substring(at + 1) + '"' : word);
    }
    return quoted;
  }

  /** All entries, or those selected. */
  final List<Entry> entries(DiskStore store, List<String> words) {
    return words.isEmpty() ? store.entries() : store.select(selector(words));
  }

  // From Java 22 on a redirected output has a console too: the line is then drawn into a file.
  @SuppressWarnings("SystemConsoleNull")
  final ProgressLine progress() {
    return new ProgressLine(commandLine().getErr(), CommandLine.Help.Ansi.AUTO.enabled());
  }
}
