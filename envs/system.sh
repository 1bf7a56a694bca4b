#!/usr/bin/env bash
# Make sure of what the Python packages need from the system: OpenGL without a display, and the
# OpenMP library that DGL links. $1 is the environment's Python.
set -euo pipefail
ready() { "$1" -m ucmgcn.render.gl >/dev/null 2>&1 && "$1" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; }
if ! ready "$1"; then
  bash envs/apt.sh libegl1 libgl1 libgl1-mesa-dri libegl-mesa0 libosmesa6 libgomp1
  "$1" -m ucmgcn.render.gl
fi
