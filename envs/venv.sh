#!/usr/bin/env bash
# Make the virtual environment $1 with the pinned packages of requirements.lock and this project.
set -euo pipefail
venv=$1
# DGL's last wheel for 3.11 runs on these too, see below.
supported() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' 2>/dev/null; }
python=${PYTHON:-}
for name in python3.11 python3.12 python3.13 python3; do
  [ -z "$python" ] && supported "$name" && python=$name
done
if ! supported "${python:-false}"; then
  echo "Python 3.11, 3.12 or 3.13 is needed. Install one, or name it: make PYTHON=/path/to/python3.13" >&2
  exit 2
fi
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  bash envs/apt.sh "$package"
  "$python" -m venv --clear "$venv"
fi
pip() { "$venv/bin/python" -m pip "$1" --quiet --disable-pip-version-check "${@:2}"; }
bash envs/dgl.sh "$venv/bin/python"
pip install --use-pep517 -r <(grep -v '^dgl==' requirements.lock)
pip install --use-pep517 --no-deps -e .
