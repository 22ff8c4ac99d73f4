#!/bin/sh
# bytecode.sh DIRECTORY PREFIX  adds bytecode of Lambda's Python to a directory that lies at PREFIX on Lambda
# bytecode.sh                   says which Python does it, or warns that there is none
# It is python3.13 on PATH, one that pyenv or uv has, one that `make deploy` fetched, or the one in Lambda's image or its stand-in (local/image.py), if a
# container engine has it. Without one of them nothing is compiled, and everything still works.
set -eu
# What a user set for Python, tar and cd is for other work: with it, the bytecode may fail, or lie in another place.
unset CDPATH TAR_OPTIONS $(env | sed -n 's/^\(PYTHON[A-Z0-9_]*\)=.*/\1/p')
here=$(cd "$(dirname "$0")" && pwd)
uv=$(ls "$here/../.tools/uv/bin/uv" 2>/dev/null || echo uv)

is_it() { "$@" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' </dev/null >/dev/null 2>&1; }

IMAGES='/lambda/python:3\.13$|^feee-cancel/lambda-python3\.13-stand-in:'

found_by_uv() { "$uv" python find --no-python-downloads 3.13 2>/dev/null; }

# A shim of pyenv is on PATH even if it runs nothing. Each is tried before it is believed.
on_this_machine() {
  for python in python3.13 "$(found_by_uv)" "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13*/bin/python3.13 \
    "$(UV_PYTHON_INSTALL_DIR="$here/../.tools/python" found_by_uv)"; do
    if is_it "$python"; then echo "$python"; return; fi
  done
  return 1
}

in_an_image() {
  for engine in docker finch podman; do
    image=$("$engine" images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -m 1 -E "$IMAGES") || continue
    echo "$engine $image"
    return
  done
  return 1
}

if python=$(on_this_machine); then
  compile() { PYTHONHASHSEED=0 "$python" -X no_debug_ranges - "$1" "$2" <"$here/bytecode.py"; }
  found="Python $("$python" -c 'import platform; print(platform.python_version())')"
elif found=$(in_an_image); then
  compile() {
    "${found% *}" run --rm --interactive --network none --env PYTHONHASHSEED=0 --volume "$1:/source:ro" \
      --entrypoint python3.13 "${found#* }" -X no_debug_ranges - /source "$2" <"$here/bytecode.py"
  }
else
  found=none
fi

if [ $# -eq 0 ]; then
  case "$found" in
    none) echo "warning: no Python 3.13 found, so no bytecode is compiled: the functions will take longer to start" ;;
    *) echo "Bytecode is compiled with $found" ;;
  esac
elif [ "$found" != none ]; then
  compiled="$1.bytecode.tar" # a file, because sh would miss a failure in a pipe
  trap 'rm -f "$compiled"' EXIT
  compile "$(cd "$1" && pwd)" "$2" >"$compiled"
  tar -xf "$compiled" -C "$1"
fi
