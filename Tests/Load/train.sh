#!/usr/bin/env bash
# Compares training with PyTorch on this machine: a step's time, the numbers of single steps, and whole loss curves.
#
#   Tests/Load/train.sh [speed|check|curves|all] [ROUNDS]     needs ../shared and PyPI; VIGIL names the binary
set -euo pipefail
cd "$(dirname "$0")/../.."
what="${1:-all}" rounds="${2:-7}"
export SHARED="${SHARED:-$(cd .. && pwd)/shared}"
[ -e "$SHARED/golden/make_checkpoint.py" ] || { echo "train.sh: ../shared is not there" >&2; exit 1; }
vigil="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$vigil" ] || { echo "train.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }

# A throw-away environment, kept between runs only where VENV names it.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
venv="${VENV:-$work/venv}"
if ! [ -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/python" -c 'import torch, numpy' 2>/dev/null || "$venv/bin/pip" install -q torch numpy

"$venv/bin/python" Tests/Load/train_compare.py "$what" "$vigil" "$work" "$rounds"
