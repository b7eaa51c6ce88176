package io.streamhouse.broker.storage.s3;

import java.io.IOException;

/// S3 answered a call with an error that trying again does not change. Its message names operation,
/// object, status, error code and request id, and nothing secret.
final class S3Refused extends IOException {

  private final int status;
  private final String code;

  S3Refused(String message, int status, String code, Throwable cause) {
    super(message, cause);
    this.status = status;
    this.code = code;
  }

  int status() {
    return status;
  }

  /// S3's name for the error; empty where it gave none, as with HEAD.
  String code() {
    return code;
  }

  /// The object, or the bucket if that is what was asked about, is not there.
  boolean notFound() {
    return status == 404 && !code.equals("NoSuchBucket");
  }

  /// The bucket has an object of that key already.
  boolean exists() {
    return status == 412;
  }

  boolean noSuchUpload() {
    return code.equals("NoSuchUpload");
  }

  /// The range begins where the object ends, or beyond.
  boolean beyondTheEnd() {
    return status == 416;
  }
}
