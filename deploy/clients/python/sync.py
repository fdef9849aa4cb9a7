"""Makes the client for threads of that for asyncio: `python3 sync.py` writes it, `--check` tells whether it is up to date."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent / "src/vigil_client"
WORDS = [
    (r'"""The client for asyncio\. .*?"""', '"""The client for threads, made of ``_async.py`` by ``sync.py``."""'),
    (r"\bimport asyncio\n", ""),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsyncVigil\b", "Vigil"),
    (r"\bAsyncClient\b", "Client"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\b__a(enter|exit)__", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\bapieces\b", "pieces"),
    (r"\basyncio\.sleep\b", "time.sleep"),
]


def made():
    text = (HERE / "_async.py").read_text()
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text, flags=re.S if pattern.startswith('"') else 0)
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit((HERE / "_sync.py").read_text() != made())
    (HERE / "_sync.py").write_text(made())
