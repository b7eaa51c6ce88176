package io.streamhouse.broker.storage.s3;

import java.util.Locale;

/// What is asked of S3, as counted and as named in messages.
public enum S3Operation {
  PUT,
  GET,
  HEAD,
  LIST,
  DELETE,
  BEGIN_UPLOAD,
  PUT_PART,
  COMPLETE_UPLOAD,
  ABORT_UPLOAD,
  LIST_UPLOADS;

  /// For metrics and messages.
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
