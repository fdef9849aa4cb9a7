#!/usr/bin/env bash
# The Debian package of this tree for this machine's architecture: deb.sh [FOLDER], by default .build/deb.
#   VIGIL=path   the program; otherwise a release with Swift's libraries in it is built
#   REVISION=n   what stands behind the version, to tell two packages of one version apart
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=$(realpath -m "${1:-$root/.build/deb}")

"$root/deploy/setup.sh" deb
if [[ -z ${VIGIL:-} ]]; then
    build=(swift build --package-path "$root" -c release --product vigil --static-swift-stdlib)
    "${build[@]}"
    VIGIL=$("${build[@]}" --show-bin-path)/vigil
fi
version=$("$VIGIL" --version)

work=$(mktemp -d "${TMPDIR:-/tmp}/vigil-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/vigil
mkdir -p "$tree/files" "$output"
cp -r "$root/deploy/debian" "$tree/debian"
cp "$root/deploy/systemd/vigil.service" "$root/deploy/systemd/vigil.socket" "$root/deploy/systemd/vigil.sysusers" \
    "$tree/debian/"
files=$tree/files
strip -o "$files/vigil" "$VIGIL"
mv "$tree/debian/vigil.json" "$files/"
cp "$root/openapi.yaml" "$files/"
"$VIGIL" config schema >"$files/vigil.schema.json"
"$VIGIL" --experimental-dump-help | python3 "$root/deploy/manual.py" "$version" >"$files/vigil.1"
"$VIGIL" --generate-completion-script bash | sed '1{/^#!/d}' >"$files/vigil.bash"
"$VIGIL" --generate-completion-script zsh >"$files/_vigil"
"$VIGIL" --generate-completion-script fish >"$files/vigil.fish"

# Two packages of the same tree are the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")}
export SOURCE_DATE_EPOCH DEB_BUILD_OPTIONS=noautodbgsym
cat >"$tree/debian/changelog" <<END
vigil ($version${REVISION:+$REVISION}) unstable; urgency=medium

  * What is new is told in Vigil's own CHANGELOG.md.

 -- Vigil maintainers <vigil@users.noreply.github.com>  $(date -Ru -d "@$SOURCE_DATE_EPOCH")
END
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >"$work/log" 2>&1) || {
    cat "$work/log" >&2
    exit 1
}
mv "$work"/vigil_*.deb "$output/"
ls -l "$output"/vigil_*.deb
