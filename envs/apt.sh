#!/usr/bin/env bash
# Install Debian packages where that is allowed without a question; else say what to run, and stop.
set -euo pipefail
if [ "$(id -u)" -eq 0 ]; then
  run=()
elif sudo -n true 2>/dev/null; then
  run=(sudo)
else
  echo "Please run this once, then make again:  sudo apt-get install -y $*" >&2
  exit 2
fi
"${run[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
