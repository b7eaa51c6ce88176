package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.List;

/// Claims of all partitions there are, for an agent that is alone.
public final class EveryPartition {

  private EveryPartition() {}

  /// @param local whether acknowledgements of their topics mean that batches are in the log
  public static List<Claim> of(Image image, boolean local) {
    var claims = new ArrayList<Claim>();
    for (var topic : image.topics()) {
      for (int i = 0; i < topic.partitions(); i++) {
        claims.add(new Claim(new PartitionId(topic.id(), i), local, false));
      }
    }
    return claims;
  }
}
