#!/usr/bin/env bash
# Builds the Dockerfile's image where there is no Docker and no registry: buildah with chroot isolation, on a base that
# mmdebstrap makes of Debian's packages. As root, on Debian or Ubuntu.
#   image.sh [FOLDER]   by default .build/image: vigil.tar.gz, for docker load; vigil.cdx.json, what is in it (CycloneDX)
#   VIGIL=path          a release that is linked with --static-swift-stdlib, in place of the Dockerfile's first stage
#   SWIFT=folder        otherwise the toolchain for that stage, by default that of the PATH
#   INSTALL=1           installs buildah and mmdebstrap
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=$(realpath -m "${1:-$root/.build/image}")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/vigil-image.XXXXXX")
export BUILDAH_ISOLATION=chroot
store=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

if [[ ${INSTALL:-} == 1 ]]; then
    command -v buildah >/dev/null && command -v mmdebstrap >/dev/null || {
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends buildah mmdebstrap >/dev/null
    }
fi

# An image of Debian's smallest system, and of what else is named; a third argument is its PATH.
debian() {
    local name=$1 packages=${2:-} path=${3:-}
    mmdebstrap --quiet --variant=minbase ${packages:+--include="$packages"} bookworm "$work/$name.tar"
    local container
    container=$(buildah "${store[@]}" from scratch)
    buildah "${store[@]}" add --quiet "$container" "$work/$name.tar" / >/dev/null
    [[ -z $path ]] || buildah "${store[@]}" config --env "PATH=$path" "$container"
    buildah "${store[@]}" commit --quiet --rm "$container" "localhost/$name" >/dev/null
    rm "$work/$name.tar"
}

mkdir -p "$output"
# A fresh clone has none, and the SBOM is made of it.
[[ -e $root/Package.resolved ]] || swift package --package-path "$root" resolve
debian debian-base
options=(--build-arg DEBIAN_IMAGE=localhost/debian-base)
if [[ -n ${VIGIL:-} ]]; then
    install -D "$VIGIL" "$work/build/out/vigil"
    strip "$work/build/out/vigil"
    options+=(--build-context "build=$work/build")
else
    swift=${SWIFT:-$(realpath "$(dirname "$(command -v swift)")/../..")}
    debian swift-base \
        binutils,ca-certificates,git,libc6-dev,libcurl4,libgcc-12-dev,libncurses6,libstdc++-12-dev,libxml2,pkg-config \
        /opt/swift/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin
    options+=(--build-arg SWIFT_IMAGE=localhost/swift-base --volume "$swift/usr:/opt/swift/usr:ro")
    [[ ! -d $HOME/.swiftpm ]] || options+=(--volume "$HOME/.swiftpm:/root/.swiftpm:ro")
    # Where packages come from a folder of this machine, git is told so here.
    [[ ! -d /opt/swift-packages ]] || options+=(--volume /opt/swift-packages:/opt/swift-packages:ro)
    [[ ! -e /etc/gitconfig ]] || options+=(--volume /etc/gitconfig:/etc/gitconfig:ro)
fi
buildah "${store[@]}" build --quiet --layers=false --pull=never --format docker "${options[@]}" --tag vigil "$root" >/dev/null

container=$(buildah "${store[@]}" from --pull=never vigil)
mounted=$(buildah "${store[@]}" mount "$container")
version=$(buildah "${store[@]}" run "$container" -- /usr/bin/vigil --version)
python3 "$root/deploy/sbom.py" --resolved "$root/Package.resolved" --packages "$mounted/var/lib/dpkg/status.d" \
    --version "$version" >"$output/vigil.cdx.json"
size=$(du -s --apparent-size --block-size=1 "$mounted" | cut -f 1)
buildah "${store[@]}" umount "$container" >/dev/null
# In Docker's form, as OCI's knows no health check.
buildah "${store[@]}" push --quiet --format docker vigil "docker-archive:$work/vigil.tar:vigil:$version"
gzip -9 <"$work/vigil.tar" >"$output/vigil.tar.gz"
echo "image: $((size / 1000000)) MB, $(($(stat -c %s "$output/vigil.tar.gz") / 1000000)) MB compressed: $output/vigil.tar.gz"
