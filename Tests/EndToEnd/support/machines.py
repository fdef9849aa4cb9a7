"""Machines that are not as they should be: clocks that are wrong, disks that are small."""

import contextlib
import os
import pathlib
import shutil
import subprocess

from support.harness import scratch

MIB = 1 << 20


def clock_library():
    """What changes the time of day for a program; None where it can't be built."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        return None
    source, library = pathlib.Path(__file__).parent / "clock.c", scratch() / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@contextlib.contextmanager
def disk(mebibytes, folder=None):
    """A small file system, in a folder of its own where none is named."""
    folder = folder or scratch()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "vigil-check", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def possible():
    """Whether small file systems can be made."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    with contextlib.suppress(subprocess.CalledProcessError, OSError), disk(1):
        return True
    return False


def free(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def fill(folder, leave=0):
    """Another file takes all but so much; returns its path."""
    path = folder / "something-else"
    with open(path, "wb") as file, contextlib.suppress(OSError):
        while free(folder) > leave:
            file.write(bytes(min(MIB, max(free(folder) - leave, 1))))
            file.flush()
    return path
