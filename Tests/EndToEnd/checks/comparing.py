"""Two models side by side: `vigil score --model A --compare B`."""

import json
import subprocess
import sys

from support.harness import ROOT, SHARED, check, contains, equal, finish, group, need, scratch, skip

need("comparing", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
array = features.video(300, seed=4)
(folder / "a.npy").write_bytes(features.npy(array))
(folder / "b.npy").write_bytes(features.npy(features.video(20, seed=5)))
demo = ROOT / "Sources/CResources/demo.safetensors"


def score(*options):
    ran = run("score", *options, timeout=120)
    return [json.loads(line) for line in ran.out.splitlines()] if ran.code == 0 else ran


with group("the same model"):
    (one,) = score("--compare", demo, folder / "a.npy")
    equal("both results", one["results"][0]["coarse"], one["results"][1]["coarse"])
    comparison = one["comparison"]
    equal("no difference", (comparison["coarse"]["largest"], comparison["coarse"]["mean"]), (0, 0))
    equal("no segment lost or gained", comparison["segments"], {"lost": [], "gained": []})
    (alone,) = score(folder / "a.npy")
    for result in one["results"]:
        same = all(result[name] == alone[name] for name in ("coarse", "fine", "segments", "video", "provenance"))
        check("a result is as it is alone", same)

with group("two models"):
    if not SHARED.is_dir():
        skip("two models", "needs ../shared")
    else:
        checkpoint = folder / "tiny.pth"
        subprocess.run(
            [
                sys.executable,
                SHARED / "golden/make_checkpoint.py",
                "--config",
                "tiny",
                "--seed",
                "1",
                "--out",
                checkpoint,
            ],
            check=True,
        )
        tiny = folder / "tiny.safetensors"
        equal("import", run("import", checkpoint, "--output", tiny, timeout=120).code, 0)
        found = score("--model", tiny, "--compare", demo, "--threshold", "0.4", folder / "a.npy", folder / "b.npy")
        equal("two files", [one["file"] for one in found], [str(folder / "a.npy"), str(folder / "b.npy")])
        for one in found:
            first, second = (np.array(result["coarse"], np.float32) for result in one["results"])
            coarse = one["comparison"]["coarse"]
            differences = second - first
            equal("the difference", np.array(coarse["differences"], np.float32).tolist(), differences.tolist())
            place = int(np.abs(differences).argmax())
            equal("the largest", (coarse["snippet"], np.float32(coarse["largest"])), (place, differences[place]))
            check("the mean", abs(coarse["mean"] - np.abs(differences).mean()) < 1e-6, coarse["mean"])
            equal("other classes", one["comparison"]["fine"], None)
            spans = [{(s["start"], s["end"]) for s in result["segments"]} for result in one["results"]]

            def alone(own, others):
                return [s for s in sorted(own) if not any(s[0] < o[1] and o[0] < s[1] for o in others)]

            segments = one["comparison"]["segments"]
            equal("lost", [(s["start"], s["end"]) for s in segments["lost"]], alone(spans[0], spans[1]))
            equal("gained", [(s["start"], s["end"]) for s in segments["gained"]], alone(spans[1], spans[0]))
        table = run("score", "--model", tiny, "--compare", demo, "--format", "table", "--fps", "30", folder / "a.npy")
        equal("a table", table.code, 0)
        contains("a table", table.out, "first", "second", "points", " | ")
        check("a table is no wider than a terminal", max(map(len, table.out.splitlines()[6:])) <= 80, table.out)

with group("by a server"):
    if not SHARED.is_dir():
        skip("by a server", "needs ../shared")
    else:
        with Server("--model", f"tiny={tiny}", "--model", f"demo={demo}") as server:
            npy = {"Content-Type": "application/x-npy"}
            (local,) = score("--model", tiny, "--compare", demo, folder / "a.npy")
            answer = requests.post(
                f"{server.url}/score?compare=demo",
                data=(folder / "a.npy").read_bytes(),
                headers=npy | {"Prefer": "wait=60"},
                timeout=90,
            )
            equal("a waited answer", answer.status_code, 200)
            found = answer.json()
            equal("is the command's", found["comparison"], local["comparison"])
            equal("of both models", [one["model"] for one in found["results"]], ["tiny", "demo"])
            later = requests.get(f"{server.url}/batches/{found['batch']}/comparison", timeout=60)
            equal("and is told later too", later.json(), found)
            answer = requests.post(
                f"{server.url}/score?model=demo&compare=tiny",
                data=(folder / "b.npy").read_bytes(),
                headers=npy,
                timeout=60,
            )
            equal("who does not wait gets the batch", answer.status_code, 202)
            place = server.url + answer.headers["Location"] + "/comparison?wait=60"
            equal("which has it", requests.get(place, timeout=90).status_code, 200)

with group("refused"):
    ran = run("score", "--compare", folder / "none.safetensors", folder / "a.npy")
    equal("no such model", ran.code, 66)
    ran = run("score", "--compare", folder / "a.npy", folder / "a.npy")
    equal("no model", ran.code, 65)
    env = {"VIGIL_COMPARE": str(demo)}
    equal("by the environment", run("score", folder / "b.npy", env=env).out.count('"comparison"'), 1)
finish()
