#!/usr/bin/env bash
# Compares vigil extract of a 720p H.264 video, one frame a row, with PyAV and OpenCV decoding, CLIP's preprocessing and ONNX Runtime
# or OpenVINO in Python doing the same on this machine: rows a second, interleaved, medians, beside how near the features come to
# float32's; and how much of the processors' time decoding takes.
#
#   Tests/Load/extract.sh [ROUNDS]   needs ../shared, ffmpeg and PyPI; VIGIL names the binary, VENV a Python environment to keep, ENGINES
#                                    the others' engines (onnxruntime,openvino), SECONDS_OF_VIDEO the clip's length (16)
set -euo pipefail
cd "$(dirname "$0")/../.."
shared="$(cd .. && pwd)/shared"
[ -e "$shared/golden/image_reference.py" ] || { echo "extract.sh: ../shared is not there" >&2; exit 1; }
vigil="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$vigil" ] || { echo "extract.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
venv="${VENV:-$work/venv}"
if ! [ -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/pip" install -q torch onnx onnxruntime openvino nncf numpy pillow av opencv-python-headless

scene="testsrc2=size=1280x720:rate=30:duration=${SECONDS_OF_VIDEO:-16},noise=alls=12:allf=t"
ffmpeg -v error -nostdin -f lavfi -i "$scene" -c:v libx264 -b:v 4M -pix_fmt yuv420p "$work/clip.mp4"
"$venv/bin/python" -B "$shared/golden/make_checkpoint.py" --config ucf --seed 1 --out "$work/ucf.pth"
"$vigil" import "$work/ucf.pth" --keep-image-tower --compute float32,bfloat16,int8 --output "$work/ucf.safetensors" >/dev/null
"$venv/bin/python" -B -W ignore "$shared/golden/image_reference.py" export "$work/image.onnx" >/dev/null 2>&1
"$venv/bin/python" -B -W ignore Tests/Load/extract.py "$vigil" "$work" "$shared" "${1:-3}"
