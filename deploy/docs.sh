#!/usr/bin/env bash
# Makes .build/docs of the doc comments of all modules by DocC, which comes with Swift: pages that any web server hands out.
# A warning is an error.
#
#   SYMBOL_GRAPHS=1   takes the symbol graphs that are there already
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${SYMBOL_GRAPHS:-}" != 1 ]; then
    deploy/setup.sh build
    swift package dump-symbol-graph --minimum-access-level public --skip-synthesized-members
fi
graphs="$(dirname "$(realpath "$(swift build --show-bin-path)")")/symbolgraph"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
failed=0
for folder in Sources/*/; do
    module="$(basename "$folder")"
    case "$module" in C[A-Z][a-z]* | vigil) continue ;; esac
    mkdir -p "$scratch/graphs/$module"
    cp "$graphs/$module.symbols.json" "$scratch/graphs/$module"
    find "$graphs" -name "$module@*.symbols.json" -exec cp {} "$scratch/graphs/$module" \;
    docc convert --additional-symbol-graph-dir "$scratch/graphs/$module" --fallback-display-name "$module" \
        --fallback-bundle-identifier "vigil.$module" --transform-for-static-hosting --warnings-as-errors \
        --output-path "$scratch/$module.doccarchive" || failed=1
done
[ "$failed" = 0 ] || exit 1
rm -rf .build/docs
docc merge "$scratch"/*.doccarchive --synthesized-landing-page-name Vigil --output-path .build/docs
echo ".build/docs/documentation/index.html: $(find .build/docs/data -name '*.json' | wc -l) pages of $(ls -d "$scratch"/*.doccarchive | wc -l) modules"
