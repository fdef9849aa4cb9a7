#!/usr/bin/env bash
# What each --weights of vigil import costs: the model file's size, a chunk's time, and the largest difference of a logit
# from float32's over four videos.
#
#   Tests/Load/weights.sh CHECKPOINT.pth [ROUNDS]        needs python3 with numpy; VIGIL names the binary
set -euo pipefail
cd "$(dirname "$0")/../.."
checkpoint="${1:?weights.sh: name a checkpoint}"
rounds="${2:-5}"
vigil="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$vigil" ] || { echo "weights.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
kinds=(float32 float16 bfloat16 int8)
for kind in "${kinds[@]}"; do
    "$vigil" import "$checkpoint" --weights "$kind" --prepare none --output "$work/$kind.safetensors" >/dev/null
done
python3 - "$vigil" "$work" "$rounds" "${kinds[@]}" <<'PYTHON'
import json, os, statistics, subprocess, sys
import numpy as np

vigil, work, rounds, kinds = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
random = np.random.default_rng(7)
lengths, width = (30, 120, 256, 777), None


def run(*arguments):
    return json.loads(subprocess.run([vigil, *arguments], check=True, capture_output=True).stdout)


width = int(run("inspect", f"{work}/float32.safetensors", "--json")["width"])
for length in lengths:
    scenes = np.repeat(random.standard_normal((length // 13 + 1, width)), 13, axis=0)[:length]
    rows = 0.35 * random.standard_normal(width) + 0.25 * scenes + 0.12 * random.standard_normal((length, width))
    np.save(f"{work}/f{length}.npy", rows.astype(np.float32))


def logits(kind):
    parts = []
    for length in lengths:
        result = run("score", "--format", "json", "--logits", "--model", f"{work}/{kind}.safetensors", f"{work}/f{length}.npy")
        result = result[0] if isinstance(result, list) else result
        result = result.get("result", result)
        parts += [np.ravel(result["logits"]["coarse"]), np.ravel(result["logits"]["fine"])]
    return np.concatenate(parts)


exact = logits("float32")
times = {kind: [] for kind in kinds}
for _ in range(rounds):
    for kind in kinds:
        report = run("bench", "engine", "--json", "--model", f"{work}/{kind}.safetensors", "--lengths", "256")
        times[kind].append(report["videos"][0]["ms"])
print(f"{'weights':10}{'MB':>8}{'ms of 256':>12}{'largest difference of a logit':>34}")
for kind in kinds:
    size = os.path.getsize(f"{work}/{kind}.safetensors") / 1e6
    print(f"{kind:10}{size:8.1f}{statistics.median(times[kind]):12.1f}{np.abs(logits(kind) - exact).max():34.2g}")
PYTHON
