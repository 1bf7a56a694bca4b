#!/usr/bin/env bash
# Install the pinned DGL for the interpreter $1; further arguments go to pip.
# Its last wheels on the package index are for Python 3.11. On a newer Python that one is unpacked: it finds no
# extension module for it, and calls the same library through ctypes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
pip=("$python" -m pip install --quiet --disable-pip-version-check --no-deps "${@:2}")
dgl=$(grep '^dgl==' requirements.lock)
if "$python" -c 'import sys; sys.exit(sys.version_info[:2] > (3, 11))'; then
  "${pip[@]}" "$dgl"
else
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "$dgl has no wheel for Python $version: unpacking the one for 3.11, which runs there by ctypes"
  site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  "${pip[@]}" --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 --target "$site" --upgrade "$dgl"
fi
