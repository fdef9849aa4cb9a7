#!/usr/bin/env bash
# The paper's ablation table for a dataset, trained here: each row leaves a part of the method out.
#   ablations.sh ucf-crime|xd-violence DATA FEATURES CLIP OUTPUT [option of vigil train]...
# DATA has the dataset's lists and annotations, FEATURES its feature files, CLIP is a published checkpoint or CLIP's own. Each
# row is a training in a folder of OUTPUT; a second call goes on where the first one ended. With --seeds N the means are shown.
#   VIGIL=path           the binary; otherwise vigil of the PATH
set -euo pipefail

if (($# < 5)); then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
dataset=$1 data=$2 features=$3 clip=$4 output=$5
shift 5
case $dataset in
    ucf-crime) headline=auc_coarse title="AUC (coarse)" ;;
    xd-violence) headline=ap_fine title="AP (A-Branch)" ;;
    *)
        echo "ablations.sh: '$dataset': expected ucf-crime or xd-violence" >&2
        exit 64
        ;;
esac
mkdir -p "$output"

# A figure of a training's lines: the mean over its seeds, or that of its end; in percent.
figure() {
    local line
    line=$(grep -F '"event":"seeds"' "$2" || grep -F '"event":"end"' "$2" | tail -n 1)
    line=$(sed -n "s/.*\"$1\":\(\({\"mean\":\)\{0,1\}\)\([-0-9.e]*\).*/\3/p" <<<"$line")
    awk -v value="${line:-nan}" -v scale="$3" 'BEGIN { if (value == "nan") print "-"; else printf "%.2f", scale * value }'
}

# row NAME TITLE PAPER'S-HEADLINE PAPER'S-mAP [option]...
row() {
    local name=$1 title=$2 paper=$3 paper_map=$4 lines=$output/$1.jsonl word own='' others=()
    shift 4
    # An option is taken once: what makes the row counts, and not what the call says of the same.
    for word in ${extra[@]+"${extra[@]}"}; do
        if [[ $word == --* ]]; then [[ " $* " == *" ${word%%=*} "* ]] && own=1 || own=''; fi
        [[ -n $own ]] || others+=("$word")
    done
    "${VIGIL:-vigil}" train --preset "$dataset" --data "$data" --features "$features" --clip "$clip" --weights none --resume \
        --json --output "$output/$name" "$@" ${others[@]+"${others[@]}"} >"$lines"
    [[ $dataset == xd-violence ]] || paper=- paper_map=-
    echo "| $title | $(figure "$headline" "$lines" 100) | $(figure map_average "$lines" 1) | $paper | $paper_map |"
}

extra=("$@")
echo "| $dataset | $title | mAP, average | paper's | paper's mAP |"
echo "| --- | ---: | ---: | ---: | ---: |"
row whole "whole (LGT-Adapter)" 84.51 24.70
row no-adapter "without the LGT-Adapter" 72.22 15.64 --without local,global
row graphs "graph convolution alone" 81.56 23.31 --without local
row local "local attention alone" - - --without global
row global-attention "global attention in place of windows" 84.87 20.84 --window 256
row hand-written "hand-written prompt" 81.06 22.46 --without learnable-prompt
row mean-prompt "mean-frame visual prompt" 81.34 21.57 --without prompt-attention
row no-visual-prompt "without the visual prompt" - - --without visual-prompt
# Without the A-Branch there are no fine scores to choose by.
headline=${headline/fine/coarse}
row coarse "without the A-Branch (coarse scores)" - - --without a-branch --metric "$headline"
