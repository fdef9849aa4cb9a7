"""Right features mistaken: a warning or an error in words that tell what to do."""

from support.harness import check, contains, equal, finish, group, need

need("mistaken features", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.harness import scratch  # noqa: E402
from support.process import Server, run  # noqa: E402

with Server() as server:

    def post(array, query=""):
        return requests.post(
            f"{server.url}/score{query}",
            data=features.npy(array),
            timeout=60,
            headers={"Content-Type": "application/x-npy", "Prefer": "wait=20"},
        )

    def warned(name, array, *parts, query=""):
        """Scored, and the warning is in the job, in the report and on the command line."""
        job = post(array, query).json()
        equal(f"{name}: scored", job.get("status"), "succeeded")
        contains(f"{name}: the job's warning", " ".join(job.get("warnings", [])), *parts)
        report = post(array, query + ("&" if query else "?") + "validate_only=true")
        equal(f"{name}: validate_only", report.status_code, 200)
        contains(f"{name}: the report's warning", " ".join(report.json().get("warnings", [])), *parts)
        path = scratch() / "x.npy"
        np.save(path, array)
        contains(f"{name}: inspect's warning", run("inspect", path, "--width", "64").out, *parts)

    def refused(name, array, *parts):
        answer = post(array)
        equal(f"{name}: status", answer.status_code, 422)
        contains(f"{name}: detail", answer.json().get("detail", ""), *parts)

    video = features.video(100)
    with group("warnings"):
        unit = video / np.linalg.norm(video, axis=1, keepdims=True)
        warned("normalised rows", unit, "normalised", "norm")
        warned("scaled rows", video * 100, "norm")
        warned("rows that do not change", np.repeat(video[:1], 100, 0), "change")
        warned("every row four times", np.repeat(video[:25], 4, 0), "change")
        warned("zero rows at the end", np.concatenate([video, np.zeros((30, 64), "<f4")]), "30 of 130", "zero")
        warned(
            "far more snippets than a video has",
            np.tile(video, (2000, 1)),
            "200000 snippets",
            "16 frames",
            query="?fps=30",
        )
        clean = post(video).json()
        equal("good features get no warning", clean["warnings"], [])
        models = requests.get(server.url + "/v1/models", timeout=60).json()["models"]
        contains("the embedded model's caveat is in /v1/models", models[0]["caveat"], "demo", "made-up scenes")
        equal("and in every result", clean["result"]["caveat"], models[0]["caveat"])
    with group("errors"):
        refused("768 wide", features.video(20, 768), "768", "64", "ViT-L/14")
        refused("1024 wide", features.video(20, 1024), "1024", "RN50")
        refused("ten crops, [T, 10, d]", np.repeat(video[:, None], 10, 1), "ten crops", "one of them", "[:, 0]")
        refused("ten crops, [10, T, d]", np.repeat(video[None], 10, 0), "ten crops", "one of them", "[0]")
        refused("transposed, [d, T]", np.ascontiguousarray(video.T), "transposed", "features.T")
        refused("a batch of one", video[None], "[1, 100, 64]", "one matrix in a stack", "features[0]")
        refused("five crops", np.repeat(video[:, None], 5, 1), "[100, 5, 64]", "5 matrices", "features[:, 0]")
    with group("report"):
        report = post(features.video(50).astype("<f8"), "?validate_only=true")
        body = report.json()
        norms = np.linalg.norm(features.video(50), axis=1)
        equal(
            "rows, width, dtype, order",
            [body[k] for k in ("rows", "width", "dtype", "order")],
            [50, 64, "float64", "C"],
        )
        found = [body["row_norm"][k] for k in ("min", "max", "mean")]
        check("norms", np.allclose(found, [norms.min(), norms.max(), norms.mean()], rtol=1e-5), str(found))
        equal(
            "nothing was queued by it",
            [job["snippets"] for job in requests.get(server.url + "/jobs").json()["jobs"]].count(50),
            0,
        )
        fortran = post(np.asfortranarray(video), "?validate_only=true").json()
        equal("Fortran order is named", fortran["order"], "Fortran")
finish()
