package io.streamhouse.compat.cluster;

/// Something clients were told or saw that may not be.
record Violation(Kind kind, String what) {

  enum Kind {
    LOST("acknowledged, and not in the log"),
    DOUBLED("in the log more than once"),
    OUT_OF_ORDER("after a later record of the same producer"),
    MISPLACED("not at the offset it was acknowledged with"),
    REFUSED_YET_THERE("in the log although it was never sent"),
    ALIEN("in the log although nobody sent it there"),
    GAP("offset with no record"),
    CHANGED("seen, and another record later"),
    UNSEEN_LATER("seen, and beyond what later readers see"),
    JUMPED("a reader's position moved by itself"),
    RESET("a consumer was told that its offset does not exist"),
    COMMIT_BEHIND("a committed offset behind an acknowledged commit"),
    COMMIT_AHEAD("a committed offset that nobody committed"),
    COMMIT_WENT_BACK("a commit behind an acknowledged earlier one"),
    END_WENT_BACK("an end offset behind an earlier one"),
    END_BEHIND("an end offset behind an acknowledged record"),
    END_BEYOND("an end offset beyond the end"),
    SKIPPED("never read by a group that has gone past it");

    private final String meaning;

    Kind(String meaning) {
      this.meaning = meaning;
    }
  }

  @Override
  public String toString() {
    return kind + " (" + kind.meaning + "): " + what;
  }
}
