#!/usr/bin/env bash
# Makes the embedded model and the demo's sample anew: an image tower, made-up scenes, a training, its figures on the test
# clips, as frames and as decoded videos, and copies.
#
#   deploy/demo/train.sh           some minutes on two cores
#   deploy/demo/train.sh compare   the figures of the same training without the LGT-Adapter; nothing is copied
#
# VIGIL names a binary to take in place of one that is built here, SEED another seed of scenes and training, KERNELS others
# than AVX2's, which most processors have.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${VIGIL:-}" ]; then
    deploy/setup.sh build demo
    swift build -c release --product vigil
    VIGIL="$(swift build -c release --product vigil --show-bin-path)/vigil"
fi
seed="${SEED:-1}"
kernels="${KERNELS:-avx2}"
# The test clip that is the sample: over a minute, with three events of different kinds.
sample=test-00005

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
scenes="$scratch/scenes"
train() {
    "$VIGIL" train --list "$scenes/train.csv" --features "$scenes" --labels "$labels" --clip "$scenes/clip.safetensors" \
        --vocab "$scenes/vocabulary.txt" --length 32 --layers 2 --window 2 --batching paired --batch 16 --rate 1e-3 \
        --milestones 20,26 --epochs 30 --keep last --no-return-to-best --contrast-weight 0.1 --seed "$seed" \
        --kernels "$kernels" --name tiny-demo --prepare none --weights none --output "$scratch/trained" "$@"
}
labels=normal,fight,collision,explosion,fall,theft
on_test=(--list "$scenes/test.csv" --annotations "$scenes/annotations.csv")

# A second world's clips are trained on too, in the first one's list under names of their own.
more() {
    "$VIGIL" scenes --output "$scratch/more" --seed "$((seed + 1))" --kernels "$kernels" --test 1 "$@"
    for file in "$scratch"/more/features/train-*.npy; do
        mv "$file" "$scenes/features/more-${file##*train-}"
    done
    tail -n +2 "$scratch/more/train.csv" | sed 's#/train-#/more-#' >>"$scenes/train.csv"
}

if [ "${1:-}" = compare ]; then
    # By the embedded model's tower, which is the same.
    "$VIGIL" scenes --output "$scenes" --seed "$seed" --kernels "$kernels"
    more
    train --without local,global --validate-every 100000000 --validation-list "$scenes/test.csv" \
        --annotations "$scenes/annotations.csv"
    exit
fi
"$VIGIL" scenes --output "$scenes" --seed "$seed" --kernels "$kernels" --new-tower --video
more --image-tower "$scenes/tower.safetensors"
# Nothing of the test split is looked at before the training has ended.
train --no-validation --image-tower "$scenes/tower.safetensors" \
    --caveat 'demo, trained on made-up scenes: its scores mean nothing for real videos'
model="$scratch/trained/model.safetensors"
echo "The test clips, from frames:"
"$VIGIL" eval --model "$model" --kernels "$kernels" --features "$scenes" "${on_test[@]}"
echo "The test clips, from MP4:"
"$VIGIL" extract --model "$model" --kernels "$kernels" --output "$scratch/decoded" "$scenes/videos" >"$scratch/extracted"
"$VIGIL" eval --model "$model" --kernels "$kernels" --features "$scratch/decoded" "${on_test[@]}"

cp "$model" Sources/CResources/demo.safetensors
cp "$scenes/features/$sample.npy" deploy/demo/sample.npy
cp "$scenes/videos/$sample.mp4" deploy/demo/sample.mp4
awk -F , -v video="$sample" 'NR == 1 || $1 == video' "$scenes/annotations.csv" | sed "s/^$sample,/sample,/" \
    >deploy/demo/sample.csv
echo "Sources/CResources/demo.safetensors: SHA-256 $(sha256sum <"$model" | cut -d ' ' -f 1)"
echo "deploy/demo/sample.mp4 and sample.npy: $sample"
