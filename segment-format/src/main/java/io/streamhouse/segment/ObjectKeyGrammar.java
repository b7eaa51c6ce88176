package io.streamhouse.segment;

import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/// What [ObjectKey#parse] accepts.
final class ObjectKeyGrammar {

  static final Pattern ORG = Pattern.compile("[a-z0-9][a-z0-9-]{0,62}");
  private static final String UUID_TEXT =
      "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
  private static final Pattern OF_PARTITION =
      Pattern.compile(
          "org-(%s)/data/(%s)/(\\d{1,10})/(\\d{20})-(\\d{1,10})-(%s)\\.seg"
              .formatted(ORG, UUID_TEXT, UUID_TEXT));
  private static final Pattern MIXED =
      Pattern.compile("org-(%s)/(mixed|merged)/(%s)\\.seg".formatted(ORG, UUID_TEXT));

  private ObjectKeyGrammar() {}

  static Optional<ObjectKey> parse(String key) {
    var mixed = MIXED.matcher(key);
    if (mixed.matches()) {
      var id = UUID.fromString(mixed.group(3));
      return Optional.of(
          mixed.group(2).equals("mixed")
              ? new ObjectKey.Mixed(mixed.group(1), id)
              : new ObjectKey.Merged(mixed.group(1), id));
    }
    var one = OF_PARTITION.matcher(key);
    if (!one.matches()) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new ObjectKey.OfPartition(
              one.group(1),
              UUID.fromString(one.group(2)),
              Integer.parseInt(one.group(3)),
              Long.parseLong(one.group(4)),
              Integer.parseInt(one.group(5)),
              UUID.fromString(one.group(6))));
    } catch (NumberFormatException tooLarge) {
      return Optional.empty();
    }
  }
}
