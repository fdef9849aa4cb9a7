"""The HTTP part of compare.sh: requests a second of four clients, against FastAPI + ONNX Runtime with two workers."""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import numpy as np

vigil, work, shared, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sys.path.insert(0, shared + "/golden")
import make_checkpoint  # noqa: E402

APP = """
import io, os
import numpy as np, onnxruntime
from fastapi import FastAPI, Request
options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()
def score(features):
    coarse, fine = [], []
    for at in range(0, len(features), 256):
        part = features[at:at + 256]; x = np.zeros((1, 256, 512), np.float32); x[0, :len(part)] = part
        c, f = session.run(None, {"x": x, "n": np.array(len(part))})
        coarse.append(c[:len(part)]); fine.append(f[:len(part)])
    c, f = np.concatenate(coarse), np.concatenate(fine)
    e = np.exp(f - f.max(1, keepdims=True))
    return {"coarse": (1 / (1 + np.exp(-c))).tolist(), "fine": (e / e.sum(1, keepdims=True)).tolist()}
@app.get("/ready")
def ready(): return {}
@app.post("/score")
async def post(request: Request):
    from starlette.concurrency import run_in_threadpool
    features = np.load(io.BytesIO(await request.body()), allow_pickle=False)
    return await run_in_threadpool(score, features)
"""

POST = """
local f = io.open(os.getenv("BODY"), "rb"); local b = f:read("*all"); f:close()
wrk.method = "POST"; wrk.body = b
wrk.headers["Content-Type"] = "application/x-npy"; wrk.headers["Prefer"] = "wait=60"
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(url):
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} did not come up")


def rate(url, body, seconds=4):
    command = ["wrk", "-t1", "-c4", f"-d{seconds}", "--timeout", "30", "-s", work + "/post.lua", url]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "BODY": body}).stdout
    if "Non-2xx" in out:
        sys.exit(out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


with open(work + "/app.py", "w") as file:
    file.write(APP)
with open(work + "/post.lua", "w") as file:
    file.write(POST)
ports = free_port(), free_port()
servers = [
    subprocess.Popen(
        [vigil, "serve", "--model", work + "/ucf.safetensors", "--port", str(ports[0]), "--workers", "2"]
        + ["--log-level", "error", "--state", "memory"]
    ),
    subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", work, "--port", str(ports[1])]
        + ["--workers", "2", "--log-level", "error"],
        env={**os.environ, "MODEL": work + "/ucf.onnx"},
    ),
]
try:
    wait(f"http://127.0.0.1:{ports[0]}/readyz")
    wait(f"http://127.0.0.1:{ports[1]}/ready")
    print(f"{'snippets':>8} {'Vigil/s':>9} {'FastAPI/s':>9} {'ratio':>7}")
    for length in (30, 120, 256, 1000):
        body = f"{work}/f{length}.npy"
        np.save(body, make_checkpoint.features(length, 512, 100 + length))
        found = [], []
        for _ in range(min(rounds, 3)):
            for rates, port in zip(found, ports):
                rates.append(rate(f"http://127.0.0.1:{port}/score", body))
        ours, theirs = map(statistics.median, found)
        print(f"{length:8} {ours:9.1f} {theirs:9.1f} {ours / theirs:7.2f}", flush=True)
finally:
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait(30)
