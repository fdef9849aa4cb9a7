#!/usr/bin/env python3
"""Writes what is in an image or a package as CycloneDX 1.5: sbom.py --resolved Package.resolved [--packages STATUS.D] --version V.

The Swift packages come from what SwiftPM has resolved, Debian's from dpkg's notes, a file a package.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import uuid

LICENSES = {"grdb.swift": "MIT", "yams": "MIT"}


def swift_packages(path):
    for pin in json.loads(pathlib.Path(path).read_text())["pins"]:
        name, state = pin["identity"], pin["state"]
        place = re.sub(r"^(https?://|git@)|\.git$", "", pin["location"]).replace(":", "/")
        namespace, _, last = place.rpartition("/")
        version = state.get("version") or state["revision"]
        yield component(
            f"pkg:swift/{namespace}/{last}@{version}", last, version, LICENSES.get(name, "Apache-2.0"),
            externalReferences=[{"type": "vcs", "url": f"https://{place}"}],
        )


def toolchain():
    """Swift's libraries, which are linked into the program; ICU is a part of its Foundation."""
    said = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=False).stdout
    if found := re.search(r"Swift version (\S+)", said):
        yield component(
            f"pkg:generic/swift@{found[1]}", "swift-runtime", found[1], "Apache-2.0",
            description="Swift's standard library, Concurrency, Dispatch, Foundation and ICU",
        )


def debian_packages(folder):
    for file in sorted(pathlib.Path(folder).iterdir()):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", file.read_text(), re.M))
        name, version, machine = fields["Package"], fields["Version"], fields["Architecture"]
        yield component(
            f"pkg:deb/debian/{name}@{version}?arch={machine}&distro=debian-12", name, version, None,
            supplier={"name": fields.get("Maintainer", "Debian")}, description=fields.get("Description", name),
        )


def component(purl, name, version, license=None, **more):
    found = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl} | more
    if license:
        found["licenses"] = [{"license": {"id": license}}]
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--resolved", required=True)
    options.add_argument("--packages")
    options.add_argument("--version", required=True)
    given = options.parse_args()
    parts = [*swift_packages(given.resolved), *toolchain()]
    if given.packages:
        parts += debian_packages(given.packages)
    parts.sort(key=lambda part: part["bom-ref"])
    own = {"type": "application", "bom-ref": "vigil", "name": "vigil", "version": given.version}
    own["licenses"] = [{"license": {"id": "Apache-2.0"}}]
    # The same parts are the same document.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts, sort_keys=True))
    moment = int(os.environ.get("SOURCE_DATE_EPOCH", datetime.datetime.now().timestamp()))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": own,
        },
        "components": parts,
        "dependencies": [{"ref": "vigil", "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    print(json.dumps(document, indent=2))


main()
