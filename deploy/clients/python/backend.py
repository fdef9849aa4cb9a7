"""Builds the wheel by itself (PEP 517), with nothing but Python's library: the same sources make the same bytes."""

import base64
import hashlib
import os
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
NAME, VERSION = "vigil_client", "0.1.0"
INFO = f"{NAME}-{VERSION}.dist-info"


def metadata():
    fields = {
        "Metadata-Version": "2.3",
        "Name": "vigil-client",
        "Version": VERSION,
        "Summary": "Client of a Vigil server: scores video features and videos for anomalies.",
        "License-Expression": "Apache-2.0",
        "Requires-Python": ">=3.11",
        "Description-Content-Type": "text/markdown",
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    lines += ["Requires-Dist: httpx<1,>=0.25", "Provides-Extra: numpy", 'Requires-Dist: numpy; extra == "numpy"']
    return "\n".join(lines) + "\n\n" + (HERE / "README.md").read_text()


def files(editable):
    """What is in the wheel, by its name there."""
    if editable:
        yield f"{NAME}.pth", (str(HERE / "src") + "\n").encode()
    else:
        for path in sorted((HERE / "src").rglob("*")):
            if path.suffix in (".py", ".typed"):
                yield path.relative_to(HERE / "src").as_posix(), path.read_bytes()
    yield f"{INFO}/METADATA", metadata().encode()
    yield f"{INFO}/WHEEL", b"Wheel-Version: 1.0\nGenerator: vigil\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder, editable=False):
    name, records = f"{NAME}-{VERSION}-py3-none-any.whl", []
    with zipfile.ZipFile(os.path.join(folder, name), "w", zipfile.ZIP_DEFLATED) as archive:

        def add(path, data):
            one = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            one.compress_type, one.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(one, data)

        for path, data in files(editable):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{path},sha256={digest},{len(data)}")
            add(path, data)
        add(f"{INFO}/RECORD", "\n".join([*records, f"{INFO}/RECORD,,", ""]).encode())
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return wheel(wheel_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return wheel(wheel_directory, editable=True)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    print(os.path.join(sys.argv[1], wheel(sys.argv[1])))
