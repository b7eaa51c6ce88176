#!/usr/bin/env bash
# Tests bin/runtime.sh: which JDK is found, and when a build counts as stale. Prints what failed and exits 1.
set -u
NAME=test
ROOT=$(cd "$(dirname "$0")/../../../.." && pwd -P)
. "$ROOT/bin/runtime.sh"

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

check() { # NAME EXPECTED FOUND
  if [ "$2" != "$3" ]; then
    printf '%s: expected [%s], found [%s]\n' "$1" "$2" "$3" >&2
    failures=$((failures + 1))
  fi
}

# A directory that looks like a JDK of a version.
jdk() { # DIRECTORY VERSION
  mkdir -p "$1/bin"
  printf 'IMPLEMENTOR="test"\nJAVA_VERSION="%s"\n' "$2" >"$1/release"
  printf '#!/bin/sh\nexit 0\n' >"$1/bin/java"
  chmod +x "$1/bin/java"
}

jdk "$work/with space/jdk-25" 25.0.1
jdk "$work/jdk-17" 17.0.9
jdk "$work/jdk-8" 1.8.0_392
jdk "$work/jdk-26" 26-ea
mkdir -p "$work/jvms" "$work/home/.jdks" "$work/none"
ln -s "$work/jdk-17" "$work/jvms/a17"
ln -s "$work/with space/jdk-25" "$work/jvms/b25"
ln -s "$work/jdk-26" "$work/home/.jdks/openjdk-26"
mkdir -p "$work/old-path"
ln -s "$work/jdk-17/bin/java" "$work/old-path/java"
mkdir -p "$work/new-path"
ln -s "../with space/jdk-25/bin/java" "$work/new-path/java"

search() { # what each place has; prints what is found
  (
    unset JAVA25_HOME JAVA_HOME SDKMAN_DIR
    HOME=$work/none
    JVM_DIRECTORY=$work/none
    PATH=$work/old-path:$PATH
    eval "$1"
    find_java 2>"$work/said"
  )
}

check "version of a JDK 25" 25 "$(java_version "$work/with space/jdk-25")"
check "version of a JDK 8" 8 "$(java_version "$work/jdk-8")"
check "version of an early-access JDK" 26 "$(java_version "$work/jdk-26")"
check "version of no JDK" "" "$(java_version "$work/none")"
check "JAVA25_HOME wins" "$work/with space/jdk-25" \
  "$(search "JAVA25_HOME='$work/with space/jdk-25'; JAVA_HOME='$work/jdk-26'")"
check "JAVA25_HOME that is too old is not passed over" "" "$(search "JAVA25_HOME='$work/jdk-17'; JVM_DIRECTORY='$work/jvms'")"
check "and is named" yes "$(grep -q "JAVA25_HOME is $work/jdk-17" "$work/said" && echo yes)"
check "JAVA_HOME that is new enough" "$work/jdk-26" "$(search "JAVA_HOME='$work/jdk-26'")"
check "JAVA_HOME that is too old is passed over" "$work/jvms/b25" \
  "$(search "JAVA_HOME='$work/jdk-17'; JVM_DIRECTORY='$work/jvms'")"
check "java on the PATH, behind links" "$work/with space/jdk-25" "$(search "PATH='$work/new-path':\$PATH")"
check "a directory of JDKs" "$work/jvms/b25" "$(search "JVM_DIRECTORY='$work/jvms'")"
check "the home directory" "$work/home/.jdks/openjdk-26" "$(search "HOME='$work/home'")"
if [ ! -d /Library/Java ]; then
  check "nowhere" "" "$(search "")"
  check "nowhere says what to do" yes \
    "$( (unset JAVA25_HOME JAVA_HOME; HOME=$work/none JVM_DIRECTORY=$work/none PATH=$work/old-path:$PATH require_java) 2>&1 \
      | grep -q "set JAVA25_HOME" && echo yes)"
fi

# When the build counts as stale.
tree="$work/a tree"
mkdir -p "$tree/broker/src/main/java" "$tree/broker/target/dist/lib"
touch -d '2020-01-01' "$tree/pom.xml" "$tree/broker/pom.xml" "$tree/broker/src/main/java/A.java"
is_stale() {
  (
    ROOT=$tree
    LIB=$tree/broker/target/dist/lib
    stale "$LIB/broker-1.jar" "$tree/broker/target/dist/built" && echo stale || echo fresh
  )
}
check "nothing built" stale "$(is_stale)"
touch -d '2021-01-01' "$tree/broker/target/dist/lib/broker-1.jar"
check "a jar newer than sources" fresh "$(is_stale)"
touch -d '2022-01-01' "$tree/broker/src/main/java/A.java"
check "a source newer than the jar" stale "$(is_stale)"
touch -d '2023-01-01' "$tree/broker/target/dist/built"
check "a build since that changed nothing in the jar" fresh "$(is_stale)"
touch -d '2024-01-01' "$tree/pom.xml"
check "a changed pom.xml" stale "$(is_stale)"

[ "$failures" = 0 ] && echo "runtime.sh: all as expected"
exit "$((failures > 0))"
