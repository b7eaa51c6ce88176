package io.streamhouse.broker.storage;

import java.util.regex.Pattern;

/// Which keys every store takes: those that are also relative paths below a directory, and nothing
/// else.
public final class ObjectNames {

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,199}");

  private ObjectNames() {}

  /// @return `key`
  /// @throws IllegalArgumentException if it has another form
  public static String check(String key) {
    if (!valid(key)) {
      throw new IllegalArgumentException("object key '" + key + "'");
    }
    return key;
  }

  /// Whether it has the form of a key.
  public static boolean valid(String key) {
    boolean valid = key.length() <= ObjectStore.MAX_KEY_BYTES;
    for (var name : key.split("/", -1)) {
      valid &= NAME.matcher(name).matches();
    }
    return valid;
  }
}
