#!/usr/bin/env bash
# Makes .build/docs of the doc comments of all modules by DocC, which comes with Swift: pages that any web server hands out.
# A warning is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/setup.sh build
Tests/build.sh
built="$(realpath "$(swift build --show-bin-path)")"
target="$(swiftc -print-target-info | sed -n 's/^ *"triple": "\(.*\)",$/\1/p' | head -n 1)"
maps=()
while IFS= read -r map; do maps+=(-Xcc "-fmodule-map-file=$map"); done < <(
    find "$built" -name module.modulemap -not -path '*-tool.build/*'
    find Sources .build/checkouts/*/Sources -name module.modulemap
)

# Each of thousands of pages is synced: in memory, where there is some, that waits for no disk.
if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt 1048576 ]; then export TMPDIR=/dev/shm; fi
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
one() {
    local module=$1
    mkdir -p "$scratch/graphs/$module"
    swift-symbolgraph-extract -module-name "$module" -target "$target" -I "$built/Modules" "${maps[@]}" \
        -minimum-access-level public -skip-synthesized-members -output-dir "$scratch/graphs/$module" &&
        docc convert --additional-symbol-graph-dir "$scratch/graphs/$module" --fallback-display-name "$module" \
            --fallback-bundle-identifier "vigil.$module" --transform-for-static-hosting --warnings-as-errors \
            --output-path "$scratch/$module.doccarchive"
}
failed=0 running=0
for folder in Sources/*/; do
    module="$(basename "$folder")"
    case "$module" in C[A-Z][a-z]* | CLinux | vigil) continue ;; esac
    if ((running < $(nproc))); then running=$((running + 1)); else wait -n || failed=1; fi
    one "$module" &
done
while ((running > 0)); do
    wait -n || failed=1
    running=$((running - 1))
done
[ "$failed" = 0 ] || exit 1
docc merge "$scratch"/*.doccarchive --synthesized-landing-page-name Vigil --output-path "$scratch/docs"
rm -rf .build/docs
cp -R "$scratch/docs" .build/docs
echo ".build/docs/documentation/index.html: $(find .build/docs/data -name '*.json' | wc -l) pages," \
    "$(find "$scratch" -maxdepth 1 -name '*.doccarchive' | wc -l) modules"
