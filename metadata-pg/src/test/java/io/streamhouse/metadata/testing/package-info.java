/// What tests of this and other modules use to have a PostgreSQL, and a network that fails. In the
/// module's test jar: depend on `metadata-pg` with type `test-jar`, and on the libraries that
/// unpack the server, as `broker/pom.xml` does.
package io.streamhouse.metadata.testing;
