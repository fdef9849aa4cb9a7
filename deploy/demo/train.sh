#!/usr/bin/env bash
# Makes the embedded model and the demo's sample anew: made-up scenes, a training, its figures on the test split, copies.
#
#   deploy/demo/train.sh           a few minutes on two cores; the same seed and kernels give the same bytes
#   deploy/demo/train.sh compare   the figures of the same training without the LGT-Adapter; nothing is copied
#
# VIGIL names a binary to take in place of one that is built here, SEED another seed of scenes and training, KERNELS others
# than AVX2's, which most processors have.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${VIGIL:-}" ]; then
    deploy/setup.sh build
    swift build -c release --product vigil
    VIGIL="$(swift build -c release --product vigil --show-bin-path)/vigil"
fi
seed="${SEED:-1}"
kernels="${KERNELS:-avx2}"
# The test video that is the sample: it has two events, of different kinds.
sample=test-00053

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
scenes="$scratch/scenes"
train() {
    "$VIGIL" train --list "$scenes/train.csv" --features "$scenes" --labels "$labels" --clip "$scenes/clip.safetensors" \
        --vocab "$scenes/vocabulary.txt" --length 32 --layers 2 --window 8 --batching paired --batch 16 --rate 1e-3 \
        --milestones 8,11 --epochs 14 --keep last --no-return-to-best --contrast-weight 0.1 --seed "$seed" \
        --kernels "$kernels" --name tiny-demo --prepare none --weights none --output "$scratch/trained" "$@"
}
labels=normal,rise,flicker,step,oscillation,burst,reversal
on_test=(--validation-list "$scenes/test.csv" --annotations "$scenes/annotations.csv")

"$VIGIL" scenes --output "$scenes" --seed "$seed"
if [ "${1:-}" = compare ]; then
    train --without local,global --validate-every 100000000 "${on_test[@]}"
    exit
fi
# Nothing of the test split is looked at before the training has ended.
train --no-validation --caveat 'demo, trained on made-up scenes: its scores mean nothing for real videos'
model="$scratch/trained/model.safetensors"
"$VIGIL" eval --model "$model" --kernels "$kernels" --features "$scenes" --list "$scenes/test.csv" \
    --annotations "$scenes/annotations.csv"

cp "$model" Sources/CResources/demo.safetensors
cp "$scenes/features/$sample.npy" deploy/demo/sample.npy
awk -F , -v video="$sample" 'NR == 1 || $1 == video' "$scenes/annotations.csv" | sed "s/^$sample,/sample,/" \
    >deploy/demo/sample.csv
echo "Sources/CResources/demo.safetensors: SHA-256 $(sha256sum <"$model" | cut -d ' ' -f 1)"
echo "deploy/demo/sample.npy: $sample"
