// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.remote.RemoteAdmin;
import io.sparkdiskcache.remote.RemoteAdmin.RemoteObject;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Quantities;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Commands on the remote tier, of which the other commands know nothing. */
@Command(
    name = "remote",
    description = "Looks into the remote tier, clears it up, and fills it.",
    subcommands = {
      RemoteCommand.Ls.class,
      RemoteCommand.Gc.class,
      RemoteCommand.Erase.class,
      RemoteCommand.Reconcile.class
    })
final class RemoteCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() {
    if (spec != null) {
      spec.commandLine().usage(spec.commandLine().getErr());
    }
    return Main.CALLED_WRONGLY;
  }

  /** Which tier, and how to reach it. */
  static final class Tier {
    @Parameters(
        index = "0",
        paramLabel = "URI",
        description =
            "spark.diskcache.remote.dir, such as s3a://bucket/cache or file:///mnt/cache.")
    private String directory = "";

    @Option(
        names = "--conf",
        paramLabel = "KEY=VALUE",
        description = "A setting of Hadoop's file system, such as fs.s3a.endpoint=...")
    private Map<String, String> settings = new HashMap<>();

    RemoteAdmin open() throws IOException {
      return RemoteAdmin.open(directory, settings);
    }
  }

  /** Of all but {@code reconcile}, which needs a cache directory as well. */
  @Command(mixinStandardHelpOptions = true)
  abstract static class OnTier implements Callable<Integer> {
    @Spec private @Nullable CommandSpec spec;
    @Mixin private Tier tier = new Tier();

    abstract void run(RemoteAdmin admin, Output out) throws IOException;

    @Override
    public Integer call() throws IOException {
      try (RemoteAdmin admin = tier.open()) {
        run(admin, new Output(commandLine().getOut(), Main.of(commandLine()).json()));
      } catch (IllegalArgumentException e) {
        throw new ParameterException(commandLine(), String.valueOf(e.getMessage()), e);
      }
      return 0;
    }

    final CommandLine commandLine() {
      if (spec == null) {
        throw new IllegalStateException("picocli sets the specification before it calls");
      }
      return spec.commandLine();
    }
  }

  @Command(name = "ls", description = "Lists the objects, the oldest first.")
  static final class Ls extends OnTier {
    @Override
    void run(RemoteAdmin admin, Output out) throws IOException {
      print(out, admin.list(), "");
    }
  }

  @Command(
      name = "gc",
      description = {
        "Removes entries and sets that are too old, or too many, and files of dead writers.",
        "Entries that hosts still use come back within the hour."
      })
  static final class Gc extends OnTier {
    @Option(
        names = "--older-than",
        paramLabel = "AGE",
        description = "Written longer ago, such as 30d.")
    private @Nullable String olderThan;

    @Option(
        names = "--max-bytes",
        paramLabel = "SIZE",
        description = "All together, such as 500g; the oldest go first.")
    private @Nullable String maxBytes;

    @Option(names = "--dry-run", description = "List them and remove nothing.")
    private boolean dryRun;

    @Override
    void run(RemoteAdmin admin, Output out) throws IOException {
      Duration age = olderThan == null ? null : Quantities.duration(olderThan);
      Long bytes = maxBytes == null ? null : Quantities.bytes(maxBytes);
      print(
          out,
          admin.collect(new RemoteAdmin.Limits(age, bytes), dryRun),
          dryRun ? "would remove " : "removed ");
    }
  }

  @Command(
      name = "erase",
      description = {
        "Removes the entries that a selector selects, for good: a note in the tier keeps them from",
        "being written or served again. Of a run's result the note is on its function."
      })
  static final class Erase extends OnTier {
    @Parameters(
        index = "1..*",
        paramLabel = "SELECTOR",
        arity = "1..*",
        description = "Terms, such as relation=3fa2b1.")
    private List<String> words = List.of();

    @Option(names = "--dry-run", description = "List them and remove nothing.")
    private boolean dryRun;

    @Override
    void run(RemoteAdmin admin, Output out) throws IOException {
      print(
          out,
          admin.erase(CacheCommand.selector(commandLine(), words), dryRun),
          dryRun ? "would erase " : "erased ");
    }
  }

  @Command(
      name = "reconcile",
      description = "Writes the entries of a cache directory that the tier lacks.")
  static final class Reconcile extends CacheCommand {
    @Mixin private Tier tier = new Tier();

    @Option(names = "--dry-run", description = "Count them and write nothing.")
    private boolean dryRun;

    @Override
    int run(DiskStore store, Output out) throws IOException {
      List<Entry> entries = store.entries();
      try (RemoteAdmin admin = tier.open()) {
        RemoteAdmin.Reconciled done = admin.reconcile(entries, dryRun);
        if (out.isJson()) {
          Map<String, Object> json = new LinkedHashMap<>();
          json.put("written", done.written());
          json.put("there", done.there());
          json.put("refused", done.refused());
          out.json(json);
        } else {
          out.line(
              "%s %s, %d were there, %d were erased and stay so"
                  .formatted(
                      dryRun ? "would write" : "wrote",
                      Entries.count(done.written()),
                      done.there(),
                      done.refused()));
        }
      }
      return 0;
    }
  }

  private static void print(Output out, List<RemoteObject> objects, String done) {
    if (out.isJson()) {
      out.json(objects.stream().map(RemoteCommand::json).toList());
      return;
    }
    Instant now = Instant.now();
    List<List<String>> rows = new ArrayList<>();
    for (RemoteObject object : objects) {
      rows.add(
          List.of(
              object.kind().name().toLowerCase(Locale.ROOT),
              Quantities.humanBytes(object.bytes()),
              Quantities.humanDuration(Duration.between(object.modified(), now)),
              object.name()));
    }
    out.table(List.of("KIND", "SIZE", "AGE", "NAME"), rows);
    long bytes = objects.stream().mapToLong(RemoteObject::bytes).sum();
    out.line(
        "%s%d %s, %s"
            .formatted(
                done,
                objects.size(),
                objects.size() == 1 ? "object" : "objects",
                Quantities.humanBytes(bytes)));
  }

  private static Map<String, Object> json(RemoteObject object) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", object.kind().name().toLowerCase(Locale.ROOT));
    json.put("name", object.name());
    json.put("key", object.key());
    json.put("bytes", object.bytes());
    json.put("modified", object.modified().toString());
    return json;
  }
}
