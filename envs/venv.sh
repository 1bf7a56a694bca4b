#!/usr/bin/env bash
# Make the virtual environment $1 with the pinned packages of requirements.lock and this project.
set -euo pipefail
venv=$1
python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
if ! "${python:-false}" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  echo "Python 3.11 is needed (DGL has no wheels for a newer one). Install it, or name one: make PYTHON=/path/to/python3.11" >&2
  exit 2
fi
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  bash envs/apt.sh "$package"
  "$python" -m venv --clear "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --use-pep517 -r requirements.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e .
