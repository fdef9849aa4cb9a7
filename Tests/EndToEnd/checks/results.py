"""Results and their options: segments for crafted settings against a computation of their own, the video's summary."""

import io
import random

from support.harness import check, equal, finish, group, need, shown

need("results", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import expected, features  # noqa: E402
from support.process import Server  # noqa: E402

SEED = random.randrange(1 << 30)
chance = random.Random(SEED)


def close(found, wanted):
    return len(found) == len(wanted) and all(
        a.keys() == b.keys() and all(abs(a[k] - b[k]) < 1e-4 if isinstance(b[k], float) else a[k] == b[k] for k in b)
        for a, b in zip(found, wanted)
    )


with Server() as server:

    def score(array, **query):
        answer = requests.post(
            server.url + "/score",
            params=query,
            data=features.npy(array),
            timeout=60,
            headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    with group("segments"):
        wrong, cut = [], 0
        for attempt in range(150):
            rows = chance.choice([1, 2, 15, 16, 17, 40, 100, 300])
            # Few different rows, so that runs and equal scores are frequent.
            base = features.video(8, seed=chance.randrange(1000))
            array = base[[chance.randrange(8) for _ in range(rows)]]
            plain = score(array)["result"]
            coarse = np.array(plain["coarse"], "<f4")
            levels = sorted({float(x) for x in plain["coarse"]} | {0.0, 1.0, 0.5})
            query = {"threshold": chance.choice(levels)}
            if chance.random() < 0.7:
                query["leave"] = chance.choice([x for x in levels if x <= query["threshold"]])
            query |= {"min_snippets": chance.randint(1, 5), "merge_gap": chance.randint(0, 6)}
            if chance.random() < 0.5:
                query["fps"] = chance.choice([25, 30, 29.97, 1, 0.5])
            result = score(array, **query)["result"]
            wanted = expected.segments(coarse, np.array(plain["fine"]["scores"]), plain["fine"]["labels"], **query)
            cut += len(wanted)
            if not close(result["segments"], wanted):
                wrong.append((query, result["segments"], wanted))
            if result["fps"] != query.get("fps") or result["coarse"] != plain["coarse"]:
                wrong.append((query, result["fps"]))
        check(f"150 random settings (seed {SEED}) give the {cut} expected segments", not wrong, shown(wrong[:1], 900))
    with group("results"):
        for rows in (1, 2, 15, 16, 17, 31, 32, 33, 100, 500):
            job = score(features.video(rows, seed=rows), logits="true")
            found = list(expected.faults(job, rows))
            check(f"{rows} snippets agree with their logits", not found, "; ".join(found))
        job = score(features.video(9))
        equal("logits are there only when asked for", "logits" in job["result"], False)
        equal("logits=false", "logits" in score(features.video(9), logits="false")["result"], False)
        result = job["result"]
        equal("the model is called a demo", [result["caveat"].split(",")[0], result["model"]], ["demo", "tiny-demo"])
        equal("provenance", set(result["provenance"]), {"vigil", "family", "model_sha256", "features_sha256", "kernels", "compute"})
        models = requests.get(server.url + "/v1/models").json()["models"]
        equal("the model's digest is that of /v1/models", result["provenance"]["model_sha256"], models[0]["sha256"])
        equal(
            "/v1/models",
            set(models[0]),
            {"name", "family", "state", "default", "labels", "window", "length", "width", "parameters", "sha256"}
            | {"source_sha256", "trained", "caveat", "loaded_at", "jobs_waiting", "compute"},
        )
        equal("its labels", models[0]["labels"], result["fine"]["labels"])
        check(
            "timings",
            result["timings"]["scored_ms"] > 0 and result["timings"]["queued_ms"] >= 0,
            str(result["timings"]),
        )
        again = score(features.video(9))["result"]
        equal(
            "the same features give the same bits", [again["coarse"], again["fine"]], [result["coarse"], result["fine"]]
        )
    with group("priority"):
        for priority in ("low", "normal", "high"):
            equal(f"priority={priority}", score(features.video(3), priority=priority)["status"], "succeeded")
    with group("answers as npy"):
        array = features.video(40)
        job = score(array)
        answer = requests.get(f"{server.url}/jobs/{job['id']}", headers={"Accept": "application/x-npy"})
        equal("type", answer.headers["Content-Type"], "application/x-npy")

        table = np.load(io.BytesIO(answer.content))
        equal("shape and type", (table.shape, table.dtype.str), ((40, 1 + len(job["result"]["fine"]["labels"])), "<f4"))
        wanted = np.column_stack([job["result"]["coarse"], job["result"]["fine"]["scores"]]).astype("<f4")
        check("the same numbers, bit by bit", np.array_equal(table, wanted))
        direct = requests.post(
            server.url + "/score",
            data=features.npy(array),
            headers={"Content-Type": "application/x-npy", "Accept": "application/x-npy", "Prefer": "wait=60"},
        )
        check(
            "waited for, too", direct.content == answer.content and direct.status_code == 200, str(direct.status_code)
        )
        equal("Vary", answer.headers.get("Vary"), "Accept")
        for accept, kind in (
            ("*/*", "json"),
            ("application/*", "json"),
            ("application/x-npy;q=0.5, application/json", "json"),
            ("application/json;q=0.5, application/x-npy", "x-npy"),
            ("application/x-npy, image/png", "x-npy"),
        ):
            answer = requests.get(f"{server.url}/jobs/{job['id']}", headers={"Accept": accept})
            equal(f"Accept: {accept}", answer.headers["Content-Type"], f"application/{kind}")
finish()
