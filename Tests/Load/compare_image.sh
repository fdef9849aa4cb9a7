#!/usr/bin/env bash
# Compares CLIP's image tower with ONNX Runtime, OpenVINO and PyTorch on this machine: images a second by threads and batch,
# interleaved, medians, beside how near the features come to PyTorch's float32; each in float32, bfloat16 and int8 where it has
# them, and how Vigil does beside the fastest other of as many bits.
#
#   Tests/Load/compare_image.sh [ROUNDS]   needs ../shared and PyPI; VIGIL names the binary, VENV a Python environment to keep,
#                                          ENGINES those to run (vigil,torch,onnxruntime,openvino), BATCHES and THREADS theirs
set -euo pipefail
cd "$(dirname "$0")/../.."
shared="$(cd .. && pwd)/shared"
[ -e "$shared/golden/image_reference.py" ] || { echo "compare_image.sh: ../shared is not there" >&2; exit 1; }
vigil="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$vigil" ] || { echo "compare_image.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
venv="${VENV:-$work/venv}"
if ! [ -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/pip" install -q torch onnx onnxruntime openvino nncf numpy

"$venv/bin/python" -B "$shared/golden/make_checkpoint.py" --config ucf --seed 1 --out "$work/ucf.pth"
"$vigil" import "$work/ucf.pth" --keep-image-tower --compute float32,bfloat16,int8 --output "$work/ucf.safetensors" >/dev/null
"$venv/bin/python" -B -W ignore "$shared/golden/image_reference.py" export "$work/image.onnx" >/dev/null 2>&1
"$venv/bin/python" -B -W ignore Tests/Load/compare_image.py "$vigil" "$work" "$shared" "${1:-5}"
