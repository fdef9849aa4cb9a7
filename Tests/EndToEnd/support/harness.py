"""One line a check; the tally that run.sh adds up."""

import contextlib
import functools
import os
import pathlib
import socket
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared"
VIGIL = os.environ.get("VIGIL", str(ROOT / ".build/release/vigil"))
LONG = os.environ.get("LONG") == "1"
_tally = {"passed": 0, "failed": 0, "skipped": 0}


def check(name, holds, detail=""):
    """Prints what was looked at and whether it holds; a detail shows where it does not."""
    _tally["passed" if holds else "failed"] += 1
    print(f"{'ok  ' if holds else 'FAIL'} {name}" + (f": {detail}" if detail and not holds else ""), flush=True)
    return bool(holds)


def equal(name, found, expected):
    return check(name, found == expected, f"found {shown(found)}, expected {shown(expected)}")


def contains(name, text, *parts):
    missing = [part for part in parts if part.lower() not in text.lower()]
    return check(name, not missing, f"{missing} not in {shown(text)}")


def note(text):
    print(f"     {text}", flush=True)


def skip(name, why):
    _tally["skipped"] += 1
    print(f"skip {name}: {why}", flush=True)


def shown(value, most=300):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else text[:most] + "…"


@functools.cache
def pace():
    """Seconds of a core that some arithmetic takes here, half of one where Vigil was written: what a limit on work is measured by."""
    begun = time.process_time()
    sum(number * number for number in range(7_000_000))
    return time.process_time() - begun


@contextlib.contextmanager
def group(name):
    """A check that can't be carried out is a failed one; the next group still runs."""
    try:
        yield
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        check(
            name, False, f"{type(error).__name__}: {shown(str(error))} ({where.filename.split('/')[-1]}:{where.lineno})"
        )


def scratch():
    """A folder that run.sh removes."""
    base = os.environ.get("E2E_SCRATCH")
    return pathlib.Path(tempfile.mkdtemp(dir=base))


def need(name, *modules, shared=False):
    """Skips the whole file where something that it needs is absent."""
    missing = [] if not shared or SHARED.is_dir() else ["../shared"]
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            missing.append(module)
    if missing:
        skip(name, f"needs {', '.join(missing)}")
        finish()


def ways_out():
    """The destinations of documentation (RFC 5737, RFC 3849) that a packet of this process would leave the machine for."""
    found = []
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Only chooses the route: nothing is sent.
            probe.connect((address, 9))
            found.append(address)
    return found


def need_no_way_out(name):
    """Fails the whole file where what it has Vigil send could leave the machine (see alone.py)."""
    if not equal(f"{name}: no way out of this network, as run.sh arranges", ways_out(), []):
        finish()


def finish():
    """Hands the tally to run.sh and exits."""
    if path := os.environ.get("E2E_TALLY"):
        with open(path, "a") as file:
            file.write("{passed} {failed} {skipped}\n".format(**_tally))
    sys.exit(bool(_tally["failed"]))
