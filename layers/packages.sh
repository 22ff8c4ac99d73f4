#!/bin/sh
# packages.sh DIRECTORY  installs requirements.txt into a directory, for Lambda's Python
# With the uv that `make setup` installed, or else the one on PATH. What uv has already isn't asked for again, so a build
# after `make setup` needs no network.
set -eu
uv="$(dirname "$0")/../.tools/uv/bin/uv"
[ -x "$uv" ] || uv=uv

install() {
  "$uv" pip install "$@" --target "$directory" --link-mode copy --python-version 3.13 --only-binary :all: \
    --no-compile-bytecode --require-hashes --requirement requirements.txt
}

directory=$1
install --quiet --quiet --offline || install --quiet
