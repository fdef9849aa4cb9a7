"""Files that change without a sign of it, so that only a server that is told to read them does."""

import os

# What the files are filled up to, with empty lines: a change of the size would show.
SIZE = 8_192


def filled(text):
    data = text.encode()
    if len(data) > SIZE:
        raise ValueError(f"{len(data)} bytes do not go into {SIZE}")
    return data.ljust(SIZE, b"\n")


def rewrite(path, text):
    """Puts a text in the place of a filled one; inode, size and time of the file stay."""
    found = os.stat(path)
    if found.st_size != SIZE:
        raise ValueError(f"{path} has {found.st_size} bytes: its size would change")
    with open(path, "r+b") as file:
        file.write(filled(text))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
