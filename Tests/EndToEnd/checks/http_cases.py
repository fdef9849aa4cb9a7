"""The raw requests of ../shared/http-cases: the answers never differ from the RFCs."""

import subprocess
import sys

from support.harness import SHARED, check, finish, need, note
from support.process import Server

need("HTTP cases", shared=True)
with Server() as server:
    command = [sys.executable, SHARED / "http-cases/run.py", server.host, str(server.port)]
    runs = [
        (name, subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True))
        for name, more in (("all", []), ("--must", ["--must"]))
    ]
    for name, ran in runs:
        out = ran.communicate()[0]
        note(f"{name}: {(out.strip().splitlines() or ['nothing'])[-1]}")
        check(f"run.py, {name}", ran.returncode == 0, out)
    check("the service lives", server.alive())
finish()
