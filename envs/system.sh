#!/usr/bin/env bash
# Make sure of what the Python packages need from the system: OpenGL without a display, and the
# OpenMP library that DGL links. Then make sure of DGL itself. $1 is the environment's Python.
set -euo pipefail
ready() { "$1" -m ucmgcn.render.gl >/dev/null 2>&1 && "$1" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; }
if ! ready "$1"; then
  bash envs/apt.sh libegl1 libgl1 libgl1-mesa-dri libegl-mesa0 libosmesa6 libgomp1
  "$1" -m ucmgcn.render.gl
fi
# Where DGL was not released for this Python: importing it and torch takes seconds, which 3.11 need not spend.
if ! "$1" -c 'import sys; sys.exit(sys.version_info[:2] > (3, 11))'; then
  "$1" -W ignore -m ucmgcn.graph.self_test
fi
