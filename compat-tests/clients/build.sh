#!/usr/bin/env bash
# Makes the drivers ready to run: build.sh DIRECTORY [go|node|rust|python]...
#
# Each client is made in a folder of its own in DIRECTORY, nothing in the source tree, and only when its sources
# changed. One line a client says `NAME ready` or `NAME missing: REASON`; a client that cannot be made is no failure
# of this script. A build's own words are in DIRECTORY/NAME.log, and on standard error when it failed.
set -u
SOURCES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 2
JOBS=2

if [ $# -lt 1 ]; then
  echo "usage: build.sh DIRECTORY [go|node|rust|python]..." >&2
  exit 2
fi
mkdir -p "$1" && OUT=$(cd "$1" && pwd -P) || exit 2
shift
[ $# -gt 0 ] || set -- go node rust python

# Two tests that start at the same time make each client once.
if command -v flock >/dev/null; then
  exec 9>"$OUT/.lock" && flock -w 1800 9 || exit 2
fi

# What a client is made of: its files, the tool that makes it, and this script. Python's drivers run where they are,
# only what they need is made.
fingerprint() {
  local files=$1 version=$2
  [ "$files" != python ] || files=python/requirements.txt
  {
    echo "$version"
    cd "$SOURCES" && find "$files" build.sh -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -d ' ' -f 1
}

# make CLIENT SECONDS VERSION: runs build_CLIENT in its folder unless that is up to date.
make() {
  local client=$1 seconds=$2 stamp code
  stamp=$(fingerprint "$client" "$3")
  if [ "$(cat "$OUT/$client/.stamp" 2>/dev/null)" = "$stamp" ]; then
    echo "$client ready"
    return
  fi
  mkdir -p "$OUT/$client" && rm -f "$OUT/$client/.stamp"
  (
    export -f "build_$client"
    export SOURCES OUT JOBS
    timeout --kill-after=10 "$seconds" bash -euc "cd \"\$OUT/$client\" && build_$client"
  ) >"$OUT/$client.log" 2>&1 </dev/null 9>&-
  code=$?
  if [ "$code" = 0 ]; then
    echo "$stamp" >"$OUT/$client/.stamp"
    echo "$client ready"
    return
  fi
  tail -n 40 "$OUT/$client.log" >&2
  case $code in
    124 | 137) echo "$client missing: not made within $seconds s" ;;
    *) echo "$client missing: its build failed, see $OUT/$client.log" ;;
  esac
}

# at_least WANTED VERSION compares the first two numbers.
at_least() {
  [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

build_go() {
  cd "$SOURCES/go"
  GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 \
    go build -p "$JOBS" -trimpath -buildvcs=false -o "$OUT/go/driver" .
}

go_client() {
  local version wanted
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || { echo "go missing: no go"; return; }
  wanted=$(sed -n 's/^go //p' "$SOURCES/go/go.mod")
  at_least "$wanted" "${version#go}" || { echo "go missing: go is ${version#go}, not $wanted or newer"; return; }
  make go 600 "$version"
}

build_node() {
  cp "$SOURCES/node/package.json" "$SOURCES"/node/*.js .
  npm install --omit=dev --no-package-lock --no-audit --no-fund --ignore-scripts --no-update-notifier
}

node_client() {
  local version
  version=$(node --version 2>/dev/null) || { echo "node missing: no node"; return; }
  at_least 20.15 "${version#v}" || { echo "node missing: node is ${version#v}, not 20.15 or newer"; return; }
  command -v npm >/dev/null || { echo "node missing: no npm"; return; }
  make node 300 "$version"
}

build_rust() {
  rm -rf source && cp -R "$SOURCES/rust" source
  cd source
  CARGO_TARGET_DIR=$OUT/rust/target cargo build --release --jobs "$JOBS"
  cp "$OUT/rust/target/release/driver" "$OUT/rust/driver"
}

rust_client() {
  local version
  version=$(rustc --version 2>/dev/null) || { echo "rust missing: no rustc"; return; }
  at_least 1.85 "$(cut -d ' ' -f 2 <<<"$version")" || { echo "rust missing: $version is older than 1.85"; return; }
  command -v cargo >/dev/null || { echo "rust missing: no cargo"; return; }
  command -v cc >/dev/null || { echo "rust missing: no C compiler, which zstd wants"; return; }
  make rust 1200 "$version"
}

build_python() {
  # Anew, for a virtual environment keeps what its requirements no longer name.
  python3 -m venv --clear .
  bin/python -m pip install --quiet --disable-pip-version-check -r "$SOURCES/python/requirements.txt"
}

python_client() {
  local version
  version=$(python3 --version 2>/dev/null) || { echo "python missing: no python3"; return; }
  python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "python missing: python3 has no venv"; return; }
  make python 300 "$version"
}

for client; do
  case $client in
    go | node | rust | python) ;;
    *) echo "$client missing: no such client"; continue ;;
  esac
  if [ "$client" = python ] && [ ! -f "$SOURCES/python/requirements.txt" ] || [ ! -d "$SOURCES/$client" ]; then
    echo "$client missing: not in the sources"
    continue
  fi
  "${client}_client"
done
exit 0
