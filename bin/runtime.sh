# Sourced by the scripts beside it: finds a JDK, builds what is not built. Sets JAVA, LIB and CLASSPATH_JAR.
# Bash 3.2 is enough, so that macOS's works.

least_java=25

say() { printf '%s: %s\n' "$NAME" "$*" >&2; }

# The feature version of the JDK in a directory, or nothing. Its release file is read rather than the JVM
# started, which would cost more than everything else here.
java_version() {
  local line version
  [ -x "$1/bin/java" ] || return 1
  if [ -r "$1/release" ]; then
    while IFS= read -r line; do
      case $line in
        JAVA_VERSION=*)
          version=${line#JAVA_VERSION=}
          version=${version//\"/}
          version=${version#1.}
          printf '%s\n' "${version%%[!0-9]*}"
          return 0
          ;;
      esac
    done <"$1/release"
  fi
  version=$("$1/bin/java" -version 2>&1 | sed -n '1s/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p')
  [ -n "$version" ] && printf '%s\n' "$version"
}

new_enough() {
  local version
  version=$(java_version "$1") || return 1
  [ -n "$version" ] && [ "$version" -ge "$least_java" ]
}

# The home of the java found on PATH, behind its symbolic links.
java_on_path() {
  local java link
  java=$(command -v java) || return 1
  while [ -L "$java" ]; do
    link=$(readlink "$java")
    case $link in
      /*) java=$link ;;
      *) java=$(dirname "$java")/$link ;;
    esac
  done
  (cd "$(dirname "$java")/.." && pwd -P)
}

# Prints the home of a JDK that is new enough. Places are those where the build looks, too.
find_java() {
  local home
  if [ -n "${JAVA25_HOME:-}" ]; then
    if new_enough "$JAVA25_HOME"; then
      printf '%s\n' "$JAVA25_HOME"
      return 0
    fi
    say "JAVA25_HOME is $JAVA25_HOME, which is not a JDK $least_java or newer"
    return 1
  fi
  for home in "${JAVA_HOME:-}" "$(java_on_path)" \
    "${JVM_DIRECTORY:-/usr/lib/jvm}"/* "$HOME"/.jdks/* "${SDKMAN_DIR:-$HOME/.sdkman}"/candidates/java/* \
    /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    if [ -n "$home" ] && new_enough "$home"; then
      printf '%s\n' "$home"
      return 0
    fi
  done
  return 1
}

require_java() {
  local home
  if ! home=$(find_java); then
    say "needs a JDK $least_java or newer, and found none."
    say "It looked at JAVA25_HOME, JAVA_HOME, java on the PATH, /usr/lib/jvm, ~/.jdks and SDKMAN."
    say "Install one, from https://adoptium.net or with your package manager, or set JAVA25_HOME to where it is."
    exit 2
  fi
  JAVA_HOME_FOUND=$home
  JAVA=$home/bin/java
}

# Whether the jars are missing, or some source is newer than they are; nothing here is made of compat-tests.
stale() {
  local jar=$1 stamp=$2 newer
  [ -f "$jar" ] && [ -d "$LIB" ] || return 0
  [ -f "$stamp" ] || stamp=$jar
  newer=$(cd "$ROOT" && find pom.xml ./*/pom.xml ./*/src/main -type f ! -path './compat-tests/*' -newer "$jar" -newer "$stamp" -print 2>/dev/null | head -n 1)
  [ -n "$newer" ]
}

require_build() {
  local jar stamp
  LIB=$ROOT/broker/target/dist/lib
  stamp=$ROOT/broker/target/dist/built
  jar=
  for jar in "$LIB"/broker-*.jar; do break; done
  CLASSPATH_JAR=$jar
  # An installation without sources has nothing to build.
  [ -f "$ROOT/pom.xml" ] || return 0
  stale "$jar" "$stamp" || return 0
  build "$stamp"
  for jar in "$LIB"/broker-*.jar; do break; done
  CLASSPATH_JAR=$jar
  if [ ! -f "$jar" ]; then
    say "the build made no $LIB/broker-*.jar"
    exit 2
  fi
}

build() {
  local stamp=$1
  if ! command -v mvn >/dev/null; then
    say "is not built yet, and building it needs Maven 3.8 or newer (mvn), which is not on the PATH."
    exit 2
  fi
  mkdir -p "$ROOT/broker/target/dist" || exit 2
  # One build at a time, where the system can say so.
  if command -v flock >/dev/null; then
    exec 9>"$ROOT/broker/target/dist/lock" && flock 9
    if ! stale "$CLASSPATH_JAR" "$stamp"; then
      exec 9>&-
      return 0
    fi
  fi
  say "building (once, and whenever sources change): mvn -q -DskipTests -pl broker -am package"
  : >"$stamp.new"
  # Standard output is for what the command itself has to say.
  if ! (cd "$ROOT" && mvn -q -DskipTests -pl broker -am package) 9>&- >&2; then
    say "the build failed"
    exit 2
  fi
  mv -f "$stamp.new" "$stamp"
  if command -v flock >/dev/null; then exec 9>&-; fi
}

# What every JVM here is started with. Serial collection and a small heap were measured to be enough, since
# records are not on the heap.
jvm_options=(
  -XX:+UseSerialGC
  -Xms16m
  -Xmx256m
  -XX:MaxDirectMemorySize=512m
  -XX:+ExitOnOutOfMemoryError
  --enable-native-access=ALL-UNNAMED
  --sun-misc-unsafe-memory-access=allow
  # One method of the JDK, for which C2 takes 20 MB at the first flush and keeps them.
  -XX:CompileCommand=quiet
  -XX:CompileCommand=MemLimit,jdk.internal.classfile.impl.StackMapGenerator::processBlock,6M~stop
  # Netty's events for Flight Recorder would load the recorder at the first buffer.
  -Dio.netty.jfr.enabled=false
  -Dorg.jooq.no-logo=true
  -Dorg.jooq.no-tips=true
)

# Each arena of glibc's allocator keeps what it once had; a few are enough here.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
