#!/usr/bin/env bash
# Build the container image ucmgcn:VERSION of Containerfile with the engine that is at hand.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' workflow/scripts/ucmgcn/__init__.py)
for engine in podman docker buildah; do
  if command -v "$engine" >/dev/null; then
    exec "$engine" build --file Containerfile --tag "ucmgcn:$version" .
  fi
done
echo "no podman, docker or buildah is installed; on Debian: sudo apt-get install -y podman" >&2
exit 2
