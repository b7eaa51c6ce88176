package io.streamhouse.segment;

import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/// Name of an object in the store. Its id is random, so no name is ever used twice.
///
/// | objects with segments of | key                                                                 |
/// |--------------------------|---------------------------------------------------------------------|
/// | one partition            | `org-{org}/data/{topicId}/{partition}/{baseOffset:020}-{leaseEpoch}-{objectId}.seg` |
/// | several, flushed         | `org-{org}/mixed/{objectId}.seg`                                    |
/// | several, merged          | `org-{org}/merged/{objectId}.seg`                                   |
///
/// Topics are named by id, since names can be reused; the name goes into the object's metadata.
public sealed interface ObjectKey {

  String org();

  UUID objectId();

  /// As the store knows it.
  String key();

  /// @param baseOffset of its first segment
  record OfPartition(
      String org, UUID topicId, int partition, long baseOffset, int leaseEpoch, UUID objectId)
      implements ObjectKey {

    public OfPartition {
      checkOrg(org);
      if (partition < 0 || baseOffset < 0 || leaseEpoch < 0) {
        throw new IllegalArgumentException(
            "partition %d, offset %d, epoch %d".formatted(partition, baseOffset, leaseEpoch));
      }
    }

    @Override
    public String key() {
      return String.format(
          Locale.ROOT,
          "org-%s/data/%s/%d/%020d-%d-%s.seg",
          org,
          topicId,
          partition,
          baseOffset,
          leaseEpoch,
          objectId);
    }
  }

  record Mixed(String org, UUID objectId) implements ObjectKey {

    public Mixed {
      checkOrg(org);
    }

    @Override
    public String key() {
      return "org-" + org + "/mixed/" + objectId + ".seg";
    }
  }

  record Merged(String org, UUID objectId) implements ObjectKey {

    public Merged {
      checkOrg(org);
    }

    @Override
    public String key() {
      return "org-" + org + "/merged/" + objectId + ".seg";
    }
  }

  /// The key's parts, or nothing if it is not one of ours.
  static Optional<ObjectKey> parse(String key) {
    return ObjectKeyGrammar.parse(key).filter(parsed -> parsed.key().equals(key));
  }

  private static void checkOrg(String org) {
    if (!ObjectKeyGrammar.ORG.matcher(org).matches()) {
      throw new IllegalArgumentException("organization '" + org + "'");
    }
  }
}
