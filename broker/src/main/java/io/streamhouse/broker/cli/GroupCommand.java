package io.streamhouse.broker.cli;

import io.streamhouse.broker.cli.OffsetTarget.Asked;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `streamctl group`: who reads what, how far behind, and changes to that.
@Command(name = "group", description = "Lists, describes, resets and deletes groups of consumers.")
final class GroupCommand {

  private static final String NONE = "-";

  private final PrintWriter out;

  @Spec private @Nullable CommandSpec spec;

  GroupCommand(PrintWriter out) {
    this.out = out;
  }

  /// A group as it is, whichever protocol its members speak.
  ///
  /// @param epoch of a consumer group, else empty text
  private record Described(
      String name,
      String type,
      GroupState state,
      String assignor,
      String coordinator,
      String epoch,
      List<Member> members) {}

  private record Member(
      String id, String client, String host, String instance, Set<TopicPartition> partitions) {}

  @Command(name = "list", description = "Names all groups with type, state and size, one a line.")
  int list(
      @Mixin ClientOptions client,
      @Option(
              names = "--state",
              paramLabel = "STATE",
              description = "Only those in this state, such as Stable or Empty.")
          @Nullable String state,
      @Option(
              names = "--type",
              paramLabel = "TYPE",
              description = "Only those of this type: classic or consumer.")
          @Nullable String type)
      throws IOException, ExecutionException, InterruptedException {
    try (var admin = admin(client)) {
      var listed = new ArrayList<GroupListing>();
      for (var one : admin.listGroups().all().get()) {
        boolean wanted =
            (state == null
                    || text(one.groupState().orElse(GroupState.UNKNOWN)).equalsIgnoreCase(state))
                && (type == null || type(one).equalsIgnoreCase(type));
        if (wanted) {
          listed.add(one);
        }
      }
      listed.sort(Comparator.comparing(GroupListing::groupId));
      var sizes = sizes(admin, listed);
      var table = new Table("group", "type", "state", "members");
      for (var one : listed) {
        table.row(
            one.groupId(),
            type(one),
            text(one.groupState().orElse(GroupState.UNKNOWN)),
            sizes.getOrDefault(one.groupId(), NONE));
      }
      table.print(out, "");
    }
    return ExitCode.OK;
  }

  private static Map<String, String> sizes(Admin admin, List<GroupListing> listed)
      throws ExecutionException, InterruptedException {
    var consumer = new ArrayList<String>();
    var classic = new ArrayList<String>();
    for (var one : listed) {
      (one.type().orElse(GroupType.CLASSIC) == GroupType.CONSUMER ? consumer : classic)
          .add(one.groupId());
    }
    var sizes = new HashMap<String, String>();
    for (var one : admin.describeConsumerGroups(consumer).describedGroups().entrySet()) {
      sizes.put(one.getKey(), Integer.toString(one.getValue().get().members().size()));
    }
    for (var one : admin.describeClassicGroups(classic).describedGroups().entrySet()) {
      sizes.put(one.getKey(), Integer.toString(one.getValue().get().members().size()));
    }
    return sizes;
  }

  private static String type(GroupListing group) {
    return group.type().orElse(GroupType.UNKNOWN).toString().toLowerCase(Locale.ROOT);
  }

  private static String text(GroupState state) {
    return state.toString();
  }

  @Command(
      name = "describe",
      description = {
        "Tells what groups have committed, and how far that is behind.",
        "With --members who is in them, with --state how they are."
      })
  int describe(
      @Mixin ClientOptions client,
      @Parameters(paramLabel = "GROUP", arity = "1..*", description = "Their names.")
          List<String> groups,
      @Option(names = "--members", description = "Members instead of offsets.") boolean members,
      @Option(names = "--state", description = "State and coordinator instead of offsets.")
          boolean state)
      throws IOException, ExecutionException, InterruptedException {
    if (members && state) {
      throw misused("--members and --state exclude each other");
    }
    try (var admin = admin(client)) {
      for (var group : groups) {
        var described = described(admin, group);
        out.println("group       " + group);
        if (members) {
          members(described);
        } else if (state) {
          state(described);
        } else {
          offsets(admin, described);
        }
      }
    }
    return ExitCode.OK;
  }

  private void state(Described group) {
    out.println("  type         " + group.type);
    out.println("  state        " + text(group.state));
    out.println("  members      " + group.members.size());
    if (!group.assignor.isEmpty()) {
      out.println("  assignor     " + group.assignor);
    }
    if (!group.epoch.isEmpty()) {
      out.println("  epoch        " + group.epoch);
    }
    out.println("  coordinator  " + group.coordinator);
  }

  private void members(Described group) {
    var table = new Table("member", "client", "host", "instance", "partitions");
    for (var one : group.members) {
      table.row(one.id, one.client, one.host, one.instance, partitions(one.partitions));
    }
    table.print(out, "  ");
  }

  private static String partitions(Set<TopicPartition> partitions) {
    var byTopic = new TreeMap<String, TreeSet<Integer>>();
    for (var one : partitions) {
      byTopic.computeIfAbsent(one.topic(), _ -> new TreeSet<>()).add(one.partition());
    }
    var text = new ArrayList<String>();
    byTopic.forEach((topic, numbers) ->
        text.add(
            topic
                + ":"
                + String.join(",", numbers.stream().map(n -> Integer.toString(n)).toList())));
    return text.isEmpty() ? NONE : String.join(" ", text);
  }

  private void offsets(Admin admin, Described group)
      throws ExecutionException, InterruptedException {
    var committed = committed(admin, group.name);
    var owners = new HashMap<TopicPartition, Member>();
    group.members.forEach(one -> one.partitions.forEach(partition -> owners.put(partition, one)));
    var all = OffsetTarget.sorted(owners.keySet());
    all.addAll(committed.keySet());
    var ends = OffsetTarget.offsets(admin, all, OffsetSpec.latest());
    var table =
        new Table("topic", "partition", "committed", "end", "lag", "member", "host", "client");
    for (var partition : all) {
      var offset = committed.get(partition);
      var end = ends.get(partition);
      var owner = owners.get(partition);
      table.row(
          partition.topic(),
          Integer.toString(partition.partition()),
          offset == null ? NONE : Long.toString(offset.offset()),
          end == null ? "?" : Long.toString(end),
          offset == null || end == null ? NONE : Long.toString(Math.max(0, end - offset.offset())),
          owner == null ? NONE : owner.id,
          owner == null ? NONE : owner.host,
          owner == null ? NONE : owner.client);
    }
    table.print(out, "  ");
  }

  @Command(
      name = "reset",
      description = {
        "Shows where a group that nobody is in would begin, and with --execute makes it so.",
        "Offsets outside of what there is are taken as the nearest that is."
      })
  int reset(
      @Mixin ClientOptions client,
      @Parameters(paramLabel = "GROUP", description = "Its name.") String group,
      @Option(
              names = "--topic",
              paramLabel = "TOPIC[:N,N]",
              description = "Of which topic, or which of its partitions; may be given again.")
          @Nullable List<String> topics,
      @Option(names = "--all-topics", description = "All that the group has offsets of.")
          boolean allTopics,
      @Mixin Asked asked,
      @Option(names = "--execute", description = "Does it, rather than show it.") boolean execute)
      throws IOException, ExecutionException, InterruptedException {
    var target = asked.target(this::misused);
    if (allTopics == (topics != null)) {
      throw misused("either --topic or --all-topics");
    }
    try (var admin = admin(client)) {
      var before = new HashMap<TopicPartition, OffsetAndMetadata>();
      refuseUnlessInactive(admin, group);
      before.putAll(committed(admin, group));
      var partitions =
          topics == null
              ? OffsetTarget.sorted(before.keySet())
              : OffsetTarget.partitions(admin, topics, this::misused);
      if (partitions.isEmpty()) {
        throw new IllegalArgumentException("group " + group + " has committed no offsets");
      }
      var after = target.of(admin, partitions, before);
      if (execute) {
        var changes = new HashMap<TopicPartition, OffsetAndMetadata>();
        after.forEach((partition, offset) -> changes.put(partition, new OffsetAndMetadata(offset)));
        admin.alterConsumerGroupOffsets(group, changes).all().get();
      }
      var table = new Table("topic", "partition", "before", "after");
      for (var partition : partitions) {
        var old = before.get(partition);
        table.row(
            partition.topic(),
            Integer.toString(partition.partition()),
            old == null ? NONE : Long.toString(old.offset()),
            String.valueOf(after.get(partition)));
      }
      table.print(out, "");
      if (!execute) {
        out.println("nothing was changed: add --execute to do this");
      }
    }
    return ExitCode.OK;
  }

  private static void refuseUnlessInactive(Admin admin, String group)
      throws ExecutionException, InterruptedException {
    Described described;
    try {
      described = described(admin, group);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof GroupIdNotFoundException) {
        // Committing makes it.
        return;
      }
      throw e;
    }
    if (described.state != GroupState.EMPTY && described.state != GroupState.DEAD) {
      throw new IllegalStateException(
          "group %s is %s with %d member(s); stop them first"
              .formatted(group, text(described.state), described.members.size()));
    }
  }

  @Command(name = "delete", description = "Deletes groups that nobody is in, with their offsets.")
  int delete(
      @Mixin ClientOptions client,
      @Parameters(paramLabel = "GROUP", arity = "1..*", description = "Their names.")
          List<String> groups,
      @Option(names = "--if-exists", description = "Content where there is none.")
          boolean ifPresent)
      throws IOException, ExecutionException, InterruptedException {
    try (var admin = admin(client)) {
      var deleted = admin.deleteConsumerGroups(groups).deletedGroups();
      for (var group : groups) {
        try {
          known(deleted.get(group)).get();
          out.println("deleted group " + group);
        } catch (ExecutionException e) {
          if (!ifPresent || !(e.getCause() instanceof GroupIdNotFoundException)) {
            throw e;
          }
        }
      }
    }
    return ExitCode.OK;
  }

  // What is

  private static Map<TopicPartition, OffsetAndMetadata> committed(Admin admin, String group)
      throws ExecutionException, InterruptedException {
    var committed = new HashMap<TopicPartition, OffsetAndMetadata>();
    admin
        .listConsumerGroupOffsets(group)
        .partitionsToOffsetAndMetadata()
        .get()
        .forEach((partition, offset) -> {
          if (offset != null) {
            committed.put(partition, offset);
          }
        });
    return committed;
  }

  /// @throws ExecutionException because of a [GroupIdNotFoundException] if there is none
  private static Described described(Admin admin, String group)
      throws ExecutionException, InterruptedException {
    var described =
        known(admin.describeConsumerGroups(List.of(group)).describedGroups().get(group)).get();
    var members = new ArrayList<Member>();
    for (var one : described.members()) {
      members.add(
          new Member(
              one.consumerId(),
              one.clientId(),
              one.host(),
              one.groupInstanceId().orElse(NONE),
              one.assignment().topicPartitions()));
    }
    members.sort(Comparator.comparing(Member::id));
    var node = described.coordinator();
    return new Described(
        group,
        described.type().toString().toLowerCase(Locale.ROOT),
        described.groupState(),
        described.partitionAssignor(),
        node == null ? NONE : "%s (%s:%d)".formatted(node.idString(), node.host(), node.port()),
        described.groupEpoch().map(String::valueOf).orElse(""),
        members);
  }

  /// What the client always gives for what was asked.
  private static <T> T known(@Nullable T answer) {
    if (answer == null) {
      throw new IllegalStateException("the client left out what was asked");
    }
    return answer;
  }

  private RuntimeException misused(String why) {
    return spec == null
        ? new IllegalArgumentException(why)
        : new ParameterException(spec.commandLine(), why);
  }

  private static Admin admin(ClientOptions client) throws IOException {
    return Admin.create(
        client.config(
            Map.of(
                "default.api.timeout.ms", Streamctl.PATIENCE_MILLIS,
                "request.timeout.ms", Streamctl.PATIENCE_MILLIS)));
  }
}
