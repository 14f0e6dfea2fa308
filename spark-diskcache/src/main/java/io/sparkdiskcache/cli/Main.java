// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.StoreException;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * {@code diskcache}: looks into a cache directory and clears it up. Exit codes: 0 done, 1 it failed
 * or {@code check} found something, 2 it was called wrongly.
 */
@Command(
    name = "diskcache",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Looks into a cache directory of spark-diskcache and clears it up.",
    footer = {
      "",
      "Exit codes: 0 done, 1 failed or something is wrong with the cache, 2 called wrongly.",
      "A SELECTOR is one or more of tag=, relation=, function=, source=, table=,",
      "older=7d, larger=1g, name=GLOB, version=, arg=; all of them must hold. Results of",
      "memoised functions are meant if function=, version=, tag= or arg= is given."
    },
    subcommands = {
      StatsCommand.class,
      ListCommand.class,
      ShowCommand.class,
      CheckCommand.class,
      EvictCommand.class,
      MemoCommand.class,
      ClearCommand.class,
      LimitsCommand.class,
      ExportCommand.class,
      ImportCommand.class,
      BackupCommand.class,
      TraceCommand.class,
      RemoteCommand.class,
      GenerateCompletion.class
    })
@Internal
public final class Main {
  @Option(
      names = "--dir",
      paramLabel = "DIR",
      scope = ScopeType.INHERIT,
      description =
          "The cache directory; by default $SPARK_DISKCACHE_DIR, else below $XDG_CACHE_HOME or"
              + " ~/.cache, spark-diskcache.")
  private @Nullable Path directory;

  @Option(names = "--json", scope = ScopeType.INHERIT, description = "Print JSON.")
  private boolean json;

  static final int FAILED = 1;
  static final int CALLED_WRONGLY = 2;

  private Main() {}

  public static void main(String[] arguments) {
    int code =
        run(
            new PrintWriter(System.out, true, Charset.defaultCharset()),
            new PrintWriter(System.err, true, Charset.defaultCharset()),
            arguments);
    System.exit(code);
  }

  static int run(PrintWriter out, PrintWriter err, String... arguments) {
    CommandLine commands = new CommandLine(new Main());
    commands.setOut(out);
    commands.setErr(err);
    commands.setCaseInsensitiveEnumValuesAllowed(true);
    commands.registerConverter(Path.class, Main::path);
    commands.setParameterExceptionHandler(
        (e, wrong) -> {
          err.println(e.getMessage() + suggestion(e));
          return CALLED_WRONGLY;
        });
    commands.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          err.println(e instanceof StoreException ? e.getMessage() : e.toString());
          return FAILED;
        });
    if (arguments.length == 0) {
      commands.usage(err);
      return CALLED_WRONGLY;
    }
    int code = commands.execute(arguments);
    out.flush();
    return code;
  }

  private static Path path(String text) {
    String reason = HostDirectory.unusable(text);
    if (!reason.isEmpty()) {
      throw new TypeConversionException(reason);
    }
    return Path.of(text);
  }

  private static String suggestion(ParameterException e) {
    List<String> similar =
        e instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions() : List.of();
    return similar.isEmpty() ? "" : ". Did you mean " + String.join(" or ", similar) + "?";
  }

  /** Given before the command or after it; null for the default. */
  @Nullable Path directory() {
    return directory;
  }

  /** Options of the command line as a whole, asked for by one of its commands. */
  static Main of(CommandLine command) {
    return (Main) command.getCommandSpec().root().userObject();
  }

  boolean json() {
    return json;
  }

  /** From the manifest of the jar. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"spark-diskcache " + (version == null ? "(not packaged)" : version)};
    }
  }
}
