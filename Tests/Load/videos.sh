#!/usr/bin/env bash
# Big videos, uploaded by several clients at once and scored: how much memory the server takes at most, and that each is
# scored as the others are.
#
#   Tests/Load/videos.sh [VIDEOS] [MEGABYTES] [CLIENTS]     20 of 500 by 4; VIGIL names the binary, MODEL a model with an image tower
set -euo pipefail
cd "$(dirname "$0")/../.."
export VIGIL="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$VIGIL" ] || { echo "videos.sh: $VIGIL is not there: swift build -c release --product vigil" >&2; exit 1; }
for needed in python3 ffmpeg; do
    command -v "$needed" >/dev/null || { echo "skipped: needs $needed"; exit 0; }
done
PYTHONDONTWRITEBYTECODE=1 exec python3 Tests/Load/videos.py "$@"
