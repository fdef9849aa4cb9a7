#!/usr/bin/env bash
# Compares Vigil with ONNX Runtime, OpenVINO and PyTorch on this machine: the engine by length and threads, and requests
# a second through HTTP against FastAPI + ONNX Runtime with two workers. Interleaved, medians, one table each.
#
#   Tests/Load/compare.sh [ROUNDS]        needs ../shared, wrk and PyPI; VIGIL names the binary
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds="${1:-7}"
shared="$(cd .. && pwd)/shared"
[ -e "$shared/golden/vadclip_reference.py" ] || { echo "compare.sh: ../shared is not there" >&2; exit 1; }
command -v wrk >/dev/null || { echo "compare.sh: wrk is missing: apt-get install wrk" >&2; exit 1; }
vigil="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$vigil" ] || { echo "compare.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }

# A throw-away environment, kept between runs only where VENV names it.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
venv="${VENV:-$work/venv}"
if ! [ -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/pip" install -q torch onnx onnxruntime openvino numpy fastapi uvicorn

"$venv/bin/python" "$shared/golden/make_checkpoint.py" --config ucf --seed 1 --out "$work/ucf.pth"
"$vigil" import "$work/ucf.pth" --output "$work/ucf.safetensors" >/dev/null
"$venv/bin/python" -W ignore "$shared/golden/vadclip_reference.py" export "$work/ucf.onnx" >/dev/null 2>&1
"$venv/bin/python" Tests/Load/compare_engine.py "$vigil" "$work" "$shared" "$rounds"
"$venv/bin/python" Tests/Load/compare_http.py "$vigil" "$work" "$shared" "$rounds"
