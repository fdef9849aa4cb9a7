"""Batches: several matrices in one request, in every form; whole or not at all, watched, sent twice, across a kill."""

import io
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import zipfile

from support.harness import check, contains, equal, finish, group, need, note, scratch, shown, skip

need("batches", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import archives, features, slow  # noqa: E402
from support.jobs import alike  # noqa: E402
from support.process import Server, memory  # noqa: E402

ZIP, NPY, TENSORS = "application/zip", "application/x-npy", "application/vnd.safetensors"
# In an order that is neither theirs by name nor by length.
NAMES = ["dock", "attic", "cellar", "barn"]
VIDEOS = {name: features.video(rows, seed=rows) for name, rows in zip(NAMES, (40, 7, 100, 33))}
FILES = {f"{name}.npy": features.npy(array) for name, array in VIDEOS.items()}
# For the slow model: it holds a worker until it is cancelled.
LONG = alike(30_000)
SMALL = features.npy(features.video(2))
NAN = features.npy(np.full((5, 64), np.nan, "<f4"))
folder = scratch()


def zipped(files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def streamed(files):
    """As `zip -` writes to a pipe: lengths stand behind the data."""

    class Pipe(io.RawIOBase):
        held = b""

        def writable(self):
            return True

        def write(self, data):
            self.held += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return pipe.held


def saved(save):
    out = io.BytesIO()
    save(out, **VIDEOS)
    return out.getvalue()


def form(files, fields=()):
    """A form whose bytes are the same each time."""
    boundary, out = "aB03x", b""
    for name, value in fields:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, data in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="features"; filename="{name}"\r\n\r\n'
        out += head.encode() + data + b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def tensors(arrays):
    return features.safetensors({name: ("F32", one.shape, one.tobytes()) for name, one in arrays.items()})


class Client:
    def __init__(self, server):
        self.url = server.url

    def post(self, body, kind, query="", **fields):
        headers = {name.replace("_", "-"): value for name, value in fields.items()} | {"Content-Type": kind}
        return requests.post(f"{self.url}/score{query}", data=body, headers=headers, timeout=300)

    def get(self, path, **fields):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return requests.get(self.url + path, headers=headers, timeout=400)

    def delete(self, path):
        return requests.delete(self.url + path, timeout=60)

    def known(self, query=""):
        return self.get(f"/jobs?limit=1000{query}").json()["jobs"]

    def fill(self):
        """Jobs that hold a single worker: they come at once, two are taken up and take turns, and the others wait."""
        return [job["id"] for job in self.post(*form({f"{index}.npy": LONG for index in range(8)})).json()["jobs"]]

    def clear(self, jobs):
        for one in jobs:
            self.delete(f"/jobs/{one}")


def names(batch):
    return [job.get("name") for job in batch["jobs"]]


with Server("--workers", "1", "--state", folder / "waiting", **slow.only()) as server:
    client = Client(server)
    with group("waiting and cancelling"):
        # With one measured there are times to tell.
        client.post(SMALL, NPY, Prefer="wait=60")
        fillers = client.fill()
        answer = client.post(*form(FILES), "?priority=low")
        batch, path = answer.json(), answer.headers["Location"]
        equal("202", (answer.status_code, batch["status"], batch["counts"]["queued"]), (202, "queued", 4))
        check("Retry-After", answer.headers.get("Retry-After", "").isdigit(), str(answer.headers))
        begun = time.monotonic()
        answer = client.get(f"{path}?wait=0.3")
        took = time.monotonic() - begun
        check("?wait gives up in time", answer.json()["status"] == "queued" and 0.25 < took < 60, f"{took:.2f} s")
        client.delete(f"/jobs/{batch['jobs'][1]['id']}")
        counts = client.get(path).json()["counts"]
        equal("a job of it is cancelled alone", (counts["queued"], counts["cancelled"]), (3, 1))
        waiting = {}
        waiter = threading.Thread(target=lambda: waiting.update(client.get(f"{path}?wait=300").json()))
        waiter.start()
        answer = client.delete(path)
        equal("DELETE while queued", (answer.status_code, answer.json()["counts"]["cancelled"]), (200, 4))
        waiter.join()
        equal("who waits is told", waiting.get("status"), "cancelled")
        answer = client.delete(f"{path}?forget=false")
        equal("DELETE that forgets nothing", (answer.status_code, answer.json()["counts"]["cancelled"]), (200, 4))
        equal("it stays to be seen", client.get(path).json()["status"], "cancelled")
        equal("then it is forgotten", (client.delete(path).status_code, client.get(path).status_code), (204, 404))
        client.clear(fillers)
        # A worker may reach the end of its chunk while the answer is written: then all of it is cancelled already, which is told.
        for _ in range(30):
            batch = client.post(*form({"a.npy": LONG, "b.npy": LONG}), "?priority=high").json()
            while client.get(f"/batches/{batch['id']}").json()["status"] == "queued":
                time.sleep(0.01)
            answer = client.delete(f"/batches/{batch['id']}")
            told = answer.json()
            if (answer.status_code, told["status"], told["counts"]["running"]) != (200, "cancelled", 0):
                break
        equal("DELETE while running: 202", (answer.status_code, told["status"]), (202, "running"))
        check("some of it runs", told["counts"]["running"] > 0, answer.text)
        equal("then cancelled", client.get(f"/batches/{batch['id']}?wait=60").json()["status"], "cancelled")
        files = {"a.npy": FILES["dock.npy"], "b.npy": features.npy(features.video(20) * 3e37)}
        batch = client.post(*form(files), Prefer="wait=60").json()
        counts = (batch["counts"]["succeeded"], batch["counts"]["failed"])
        equal("failed where one has failed", (batch["status"], counts), ("failed", (1, 1)))

with Server("--workers", "1", "--max-queued-memory", "256", "--state", folder / "main") as server:
    client = Client(server)
    with group("results"):
        singles = {}
        for name, array in VIDEOS.items():
            job = client.post(features.npy(array), NPY, "?logits=true&fps=30", Prefer="wait=60").json()
            singles[name] = {key: job["result"][key] for key in ("coarse", "fine", "logits", "video", "segments")}
        bodies = {
            "a form of files": form(FILES),
            "a zip, stored": (zipped(FILES), ZIP),
            "a zip, deflated": (zipped(FILES, zipfile.ZIP_DEFLATED), ZIP),
            "a zip from a pipe": (streamed(FILES), ZIP),
            "a zip in folders": (
                zipped({f"{name}.npy": FILES[f"{name}.npy"] for name in NAMES} | {"empty/": b""}),
                ZIP,
            ),
            "numpy.savez": (saved(np.savez), ZIP),
            "numpy.savez_compressed": (saved(np.savez_compressed), ZIP),
            "an npz in a form": form({"all.npz": saved(np.savez)}),
            "safetensors": (tensors(VIDEOS), TENSORS),
            "files of several formats": form(
                {
                    "dock.json": features.rows_json(VIDEOS["dock"]),
                    "attic.safetensors": tensors({"features": VIDEOS["attic"]}),
                    "cellar.npy": FILES["cellar.npy"],
                    "barn.npy": features.npy(VIDEOS["barn"].astype("<f8")),
                }
            ),
        }
        for what, (body, kind) in bodies.items():
            answer = client.post(body, kind, "?logits=true&fps=30", Prefer="wait=60")
            batch = answer.json()
            equal(f"{what}: 200", (answer.status_code, batch.get("status")), (200, "succeeded"))
            equal(f"{what}: Location", answer.headers.get("Location"), f"/batches/{batch['id']}")
            # The header of a safetensors file is a JSON object, whose order says nothing.
            order = sorted(NAMES) if kind == TENSORS and names(batch) == sorted(NAMES) else NAMES
            equal(f"{what}: names, in order", names(batch), order)
            equal(f"{what}: no results in the batch", {job["result"] for job in batch["jobs"]}, {None})
            same = True
            for job in batch["jobs"]:
                result = client.get(f"/jobs/{job['id']}").json()["result"]
                same = same and all(result[key] == value for key, value in singles[job["name"]].items())
            check(f"{what}: results are those of the files alone", same)
        if shutil.which("curl"):
            for name, data in FILES.items():
                (folder / name).write_bytes(data)
            command = ["curl", "-sS", "-H", "Prefer: wait=60", f"{server.url}/score"]
            for name in FILES:
                command += ["-F", f"features=@{folder / name}"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=300)
            contains(
                "curl -F", said.stdout + said.stderr, '"status":"succeeded"', *(f'"name":"{one}"' for one in NAMES)
            )
        else:
            skip("curl -F", "needs curl")
    with group("the same name twice"):
        batch = client.post(*form({"a.npy": SMALL, "b/a.npy": SMALL}), Prefer="wait=60").json()
        check(
            "each has a name of its own", len(set(names(batch))) == 2 and None not in names(batch), shown(names(batch))
        )
        batch = client.post(zipped({"x/a.npy": SMALL, "y/a.npy": SMALL}), ZIP, Prefer="wait=60").json()
        equal("folders tell them apart", names(batch), ["x/a", "y/a"])
    with group("GET"):
        batch = client.post(*bodies["a form of files"], Prefer="wait=60").json()
        path = f"/batches/{batch['id']}"
        answer = client.get(path)
        equal("what the answer said", answer.json(), batch)
        equal("its counts", batch["counts"], dict(queued=0, running=0, succeeded=4, failed=0, cancelled=0))
        tag = answer.headers["ETag"]
        again = client.get(path, If_None_Match=tag)
        equal("304 for what is known", (again.status_code, again.content, again.headers.get("ETag")), (304, b"", tag))
        equal("200 for another tag", client.get(path, If_None_Match='"x"').status_code, 200)
        equal("HEAD", requests.head(client.url + path).headers.get("ETag"), tag)
        equal("no Retry-After once it has ended", answer.headers.get("Retry-After"), None)
        listed = [job["id"] for job in client.known(f"&batch={batch['id']}")]
        equal("GET /jobs?batch=", sorted(listed), [job["id"] for job in batch["jobs"]])
        page = client.get(f"/jobs?batch={batch['id']}&limit=3").json()
        rest = client.get(f"/jobs?batch={batch['id']}&limit=3&cursor={page['next']}").json()
        equal("by pages", [job["id"] for job in page["jobs"] + rest["jobs"]], listed)
        equal("with a status", client.known(f"&batch={batch['id']}&status=failed"), [])
        equal("of a batch that there is not", client.known("&batch=01M85BV3QAE4RGA8GVVP3465ME"), [])
        equal("of what is no id: 422", client.get("/jobs?batch=x").status_code, 422)
        equal("each job says its batch", {job["batch"] for job in batch["jobs"]}, {batch["id"]})
        for what in ("01M85BV3QAE4RGA8GVVP3465ME", "x", batch["jobs"][0]["id"]):
            answer = client.get(f"/batches/{what}")
            equal(
                f"/batches/{what[:4]}…: 404",
                (answer.status_code, answer.json()["type"]),
                (404, "/problems/unknown-batch"),
            )
        equal("a batch is no job", client.get(f"/jobs/{batch['id']}").status_code, 404)
        equal("DELETE once it has ended", client.delete(path).status_code, 204)
        equal("then it is unknown", client.get(path).status_code, 404)
        equal("and so are its jobs", {client.get(f"/jobs/{job['id']}").status_code for job in batch["jobs"]}, {404})
    with group("all or nothing"):
        before = len(client.known())
        good = {name: SMALL for name in ("a.npy", "b.npy", "c.npy")}
        wide = features.npy(features.video(5, width=63))
        for what, files in {
            "NaN in the last file": good | {"odd.npy": NAN},
            "NaN in the first file": {"odd.npy": NAN} | good,
            "another width": {"a.npy": SMALL, "odd.npy": wide, "c.npy": SMALL},
            "a file that is cut off": good | {"odd.npy": SMALL[:-3]},
            "an empty file": good | {"odd.npy": b""},
            "no features at all": good | {"odd.npy": b"PK\3\4 is no matrix"},
            "no JSON": good | {"odd.json": b'{"features": [[1,'},
            "a pickle": good
            | {"odd.npy": features.npy_with("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"")},
        }.items():
            for form_of, (body, kind) in {"form": form(files), "zip": (zipped(files), ZIP)}.items():
                answer = client.post(body, kind)
                contains(
                    f"{what}, {form_of}: 4xx that names it", f"{answer.status_code} {answer.text}", '"status":4', "odd"
                )
        arrays = VIDEOS | {"odd": np.full((3, 64), np.inf, "<f4")}
        answer = client.post(tensors(arrays), TENSORS)
        contains("a tensor with infinity", f"{answer.status_code} {answer.text}", "422", "odd")
        for what, body in {
            "a zip with nothing in it": zipped({}),
            "a zip of folders": zipped({"a/": b""}),
            "a zip that is cut off": zipped(FILES)[:-30],
            "a path to the parent": zipped({"../a.npy": SMALL}),
            "a wrong checksum": archives.raw([{"name": "a.npy", "data": SMALL, "crc": 1}]),
            "entries that overlap": archives.raw(
                [{"name": "a.npy", "data": SMALL}, {"name": "b.npy", "data": SMALL, "offset": 0}]
            ),
            "an encrypted entry": archives.raw([{"name": "a.npy", "data": SMALL, "flags": 1}]),
            "an unknown method": archives.raw([{"name": "a.npy", "data": SMALL, "method": 99}]),
            "an entry of 2^60 bytes": archives.raw(
                [
                    {
                        "name": "a.npy",
                        "data": SMALL,
                        "packed": 2**32 - 1,
                        "size": 2**32 - 1,
                        "extra": archives.zip64(2**60, 2**60),
                    }
                ]
            ),
        }.items():
            answer = client.post(body, ZIP)
            check(
                f"{what}: 4xx",
                400 <= answer.status_code < 500 and answer.json()["detail"],
                f"{answer.status_code} {answer.text}",
            )
        answer = client.post(zipped(good | {"readme.txt": b"hello"}), ZIP)
        note(f"a readme.txt among them: {answer.status_code} {shown(answer.text, 160)}")
        if answer.status_code == 202:
            client.delete(answer.headers["Location"]), client.get(f"{answer.headers['Location']}?wait=60")
            client.delete(answer.headers["Location"])
        equal("nothing was queued", len(client.known()), before)
    with group("validate_only"):
        before = len(client.known())
        for what in ("a form of files", "a zip, deflated", "safetensors"):
            answer = client.post(*bodies[what], "?validate_only=true")
            found = {one["name"]: one["rows"] for one in answer.json()["reports"]}
            equal(what, (answer.status_code, found), (200, {name: len(one) for name, one in VIDEOS.items()}))
        equal("nothing was queued", len(client.known()), before)
    with group("bombs"):
        zeros = features.npy(np.zeros((80_000, 64), "<f4"))
        entry = {"name": "a.npy", "data": archives.bomb(256 << 20), "method": 8, "plain": b"", "size": 256 << 20}
        raw = {"an entry of 256 MB": entry, "one that says 1 kB": entry | {"size": 1000}}
        before = server.rss()
        for what, one in raw.items():
            answer = client.post(archives.raw([one]), ZIP)
            check(
                f"{what}: refused", answer.status_code in (400, 413, 422), f"{answer.status_code} {shown(answer.text)}"
            )
        answer = client.post(archives.raw([entry | {"name": f"{index}.npy"} for index in range(64)]), ZIP)
        check(
            "64 of them: refused", answer.status_code in (400, 413, 422), f"{answer.status_code} {shown(answer.text)}"
        )
        packed = {"data": archives.deflated(zeros), "method": 8, "plain": zeros}
        answer = client.post(archives.raw([packed | {"name": f"{index}.npy"} for index in range(20)]), ZIP)
        check(
            "20 matrices of zeros, 400 MB: refused",
            answer.status_code in (400, 413, 422),
            f"{answer.status_code} {shown(answer.text)}",
        )
        flat = archives.raw([{"name": f"{index}.npy", "data": b""} for index in range(10_000)])
        answer = client.post(flat, ZIP)
        check("10,000 entries: refused", 400 <= answer.status_code < 500, f"{answer.status_code} {shown(answer.text)}")
        most = memory(server.child.pid)["VmHWM"]
        check("memory stays", server.rss() < before + 100, f"{before:.0f} MiB before, {server.rss():.0f} after")
        note(f"{before:.0f} MiB before, {server.rss():.0f} after, {most:.0f} at most since the start")
    with group("an idempotency key"):
        body, kind = bodies["a zip, stored"]
        first = client.post(body, kind, Idempotency_Key='"batch"', Prefer="wait=60")
        second = client.post(body, kind, Idempotency_Key='"batch"')
        equal("the same batch", (second.status_code, second.json()["id"]), (200, first.json()["id"]))
        marks = [one.headers.get("Idempotency-Replayed") for one in (first, second)]
        equal("marked", marks, [None, "true"])
        equal("Location", second.headers.get("Location"), first.headers["Location"])
        for what, answer in {
            "another body": client.post(zipped({"a.npy": SMALL, "b.npy": SMALL}), kind, Idempotency_Key='"batch"'),
            "another order": client.post(zipped(dict(reversed(FILES.items()))), kind, Idempotency_Key='"batch"'),
            "another parameter": client.post(body, kind, "?fps=25", Idempotency_Key='"batch"'),
            "one of its files": client.post(FILES["dock.npy"], NPY, Idempotency_Key='"batch"'),
        }.items():
            equal(
                f"{what}: 409", (answer.status_code, answer.json()["type"]), (409, "/problems/idempotency-key-reused")
            )
        found = []

        def once(key):
            answer = client.post(body, kind, Idempotency_Key=key)
            found.append((answer.status_code in (200, 202), answer.json().get("id")))

        threads = [threading.Thread(target=once, args=("race",)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal("20 at once are one batch", (len(set(found)), found[0][0]), (1, True))
        raced = found[0][1]
        equal("of four jobs", len(client.known(f"&batch={raced}")), 4)
        keyed = first.json()
    with group("a kill"):
        accepted, stop = [], threading.Event()

        def submit():
            files = zipped({f"{index}.npy": SMALL for index in range(40)})
            while not stop.is_set():
                try:
                    answer = client.post(files, ZIP)
                    if answer.status_code == 202:
                        accepted.append(answer.json()["id"])
                    else:
                        time.sleep(0.05)
                except requests.RequestException:
                    return

        threads = [threading.Thread(target=submit) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(accepted) < 8:
            time.sleep(0.005)
        server.signal(signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
        server.wait()

with Server("--state", folder / "main") as server:
    client = Client(server)
    with group("after a kill"):
        check("batches were accepted", len(accepted) >= 8, str(len(accepted)))
        states = [client.get(f"/batches/{one}?wait=300").json() for one in accepted]
        equal("each that was accepted is whole", {len(batch["jobs"]) for batch in states}, {40})
        equal("and is done", {batch["status"] for batch in states}, {"succeeded"})
        sizes, cursor = {}, ""
        while cursor is not None:
            page = client.get(f"/jobs?limit=1000{cursor}").json()
            for job in page["jobs"]:
                sizes.setdefault(job.get("batch"), []).append(job.get("name"))
            cursor = f"&cursor={page['next']}" if page["next"] else None
        torn = [one for one, jobs in sizes.items() if one and "39" in jobs and len(jobs) != 40]
        equal("none is there in part", torn, [])
        again = client.post(*bodies["a zip, stored"], Idempotency_Key='"batch"')
        equal(
            "a key outlasts it",
            (again.json().get("id"), again.headers.get("Idempotency-Replayed")),
            (keyed["id"], "true"),
        )
        answer = client.post(zipped({"a.npy": SMALL, "b.npy": SMALL}), ZIP, Idempotency_Key='"batch"')
        equal("409 too", answer.status_code, 409)
        note(f"{len(accepted)} batches of 40 were accepted")

with Server("--state", folder / "thousand") as server:
    client = Client(server)
    with group("1,000 files"):
        files = {f"camera-{index:04}.npy": features.npy(features.video(3, seed=index)) for index in range(1000)}
        for what, (body, kind) in {"form": form(files), "zip": (zipped(files), ZIP)}.items():
            begun = time.monotonic()
            answer = client.post(body, kind)
            posted = time.monotonic() - begun
            batch = answer.json()
            equal(f"{what}: 202", (answer.status_code, len(batch.get("jobs", []))), (202, 1000))
            equal(f"{what}: in order", names(batch), [pathlib.PurePath(name).stem for name in files])
            batch = client.get(f"/batches/{batch['id']}?wait=300").json()
            equal(f"{what}: all done", batch["counts"]["succeeded"], 1000)
            note(f"{what}: taken in {posted:.2f} s, done in {time.monotonic() - begun:.2f} s")
        files["one-more.npy"] = SMALL
        answer = client.post(*form(files))
        contains("1,001 are more than may wait: 413", f"{answer.status_code} {answer.text}", "413", "1000")

with Server("--workers", "1", "--max-queued", "20", "--state", folder / "small", **slow.only()) as server:
    client = Client(server)
    with group("no room"):
        answer = client.post(zipped({f"{index}.npy": SMALL for index in range(21)}), ZIP)
        contains("more than ever: 413", f"{answer.status_code} {answer.text}", "413", "21", "20")
        equal("nothing was queued", client.known(), [])
        fillers = client.fill()
        queued = len(client.known("&status=queued"))
        answer = client.post(zipped({f"{index}.npy": SMALL for index in range(20)}), ZIP)
        contains("more than now: 429", f"{answer.status_code} {answer.text}", "429", "backlog-full")
        check("Retry-After", answer.headers.get("Retry-After", "").isdigit(), str(answer.headers))
        equal("nothing was queued", len(client.known()), len(fillers))
        answer = client.post(zipped({f"{index}.npy": SMALL for index in range(20 - queued - 1)}), ZIP)
        equal("what there is room for", answer.status_code, 202)
        client.delete(answer.headers["Location"])
        client.clear(fillers)
finish()
