/// Objects in S3, or in a store that speaks its protocol. The only package that knows the AWS SDK;
/// the agent loads it only when objects are there.
@NullMarked
package io.streamhouse.broker.storage.s3;

import org.jspecify.annotations.NullMarked;
