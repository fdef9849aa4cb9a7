#!/usr/bin/env bash
# Runs an image of deploy/image.sh as an engine would: its user, no privileges, a root that can't be written, no network but a
# loopback of its own: image.sh vigil.tar.gz. As root.
set -euo pipefail
exec unshare --net --mount --pid --fork --mount-proc python3 "$(dirname "${BASH_SOURCE[0]}")/image.py" "$1"
