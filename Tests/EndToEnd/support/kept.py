"""A generated file that whoever needs it first makes, and all others take: kept.py PATH COMMAND… (which gets --out PATH)."""

import fcntl
import os
import pathlib
import subprocess
import sys


def make(path, command, environment=None):
    path = pathlib.Path(path)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            # Half of one is nobody's: of a name that ends as the file's, for numpy adds the ending where it is missing.
            part = path.with_name(f"part-{path.name}")
            subprocess.run([*map(str, command), "--out", str(part)], check=True, env=environment)
            part.rename(path)
    return path


if __name__ == "__main__":
    make(sys.argv[1], [sys.executable, "-B", *sys.argv[2:]])
