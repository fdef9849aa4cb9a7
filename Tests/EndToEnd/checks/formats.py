"""What a file is: rows of float32 only where they are asked for, every other format by its name; files that hold more
than features; the same by body, form, archive and on the command line."""

import gzip
import io
import json
import zipfile

from support.harness import check, contains, equal, finish, group, need, scratch, shown

need("formats", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import archives, features, foreign, pickles  # noqa: E402
from support.process import Server, run  # noqa: E402

OCTETS = {"Content-Type": "application/octet-stream"}
folder = scratch()
video = features.video(24)
rows = video.tobytes()


def file(name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def saved(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def refused(name, ran, words):
    """65, one line that has the words, nothing scored."""
    check(
        name,
        ran.code == 65 and ran.err.count("\n") == 1 and not ran.out and words.lower() in ran.err.lower(),
        f"exit {ran.code}, {words!r} in {shown(ran.err)}",
    )


def scored(name, path, *options, coarse=None, says=()):
    """The documents that `score` writes, a line each; `says` is told on stderr and in the first one's warnings."""
    ran = run("score", path, *options)
    equal(f"score {name}: exit", (ran.code, ran.err if ran.code else ""), (0, ""))
    found = [json.loads(line) for line in ran.out.splitlines()]
    contains(f"score {name}: said on stderr", ran.err, *says)
    contains(f"score {name}: said in the result", " ".join(found[0]["warnings"]) if found else "", *says)
    if coarse is not None:
        equal(f"score {name}: the same scores", [one["coarse"] for one in found], [coarse])
    return found


expected = scored("npy", file("x.npy", features.npy(video)))[0]["coarse"]

with Server() as server:

    def post(body, headers, query=""):
        return requests.post(
            f"{server.url}/score{query}", data=body, headers=headers | {"Prefer": "wait=60"}, timeout=60
        )

    def problem(name, answer, *words):
        check(f"{name}: 422", answer.status_code == 422, f"{answer.status_code} {shown(answer.text)}")
        contains(f"{name}: detail", answer.json().get("detail", ""), *words)

    for name, data, words in foreign.files():
        with group(name):
            assert len(data) % 256 == 0
            # On the command line ffmpeg decodes videos, where it is: checks/video.py has such as are not whole.
            if name not in foreign.DECODED:
                # gzip on the command line is unpacked, and JSON and tables are read.
                if name in foreign.TABLES:
                    equal(f"score {name}: rows", [one["snippets"] for one in scored(name, file("x.dat", data))], [8])
                elif name not in ("gzip", "JSON"):
                    refused(f"score {name}", run("score", file("x.dat", data)), words)
                refused(f"score {name} called .f32", run("score", file("x.f32", data)), words)
                if "PyTorch" not in name:
                    refused(f"inspect {name}", run("inspect", file("x.raw", data), "--width", "64"), words)
            # Over HTTP what begins as a video does is one, or is told that none are taken.
            problem(f"{name} as octets", post(data, OCTETS), "video" if name in foreign.DECODED else words)
            body, kind = features.multipart(data, "x.dat")
            problem(f"{name} in a form", post(body, {"Content-Type": kind}), words)
            # JSON is read there, and told what is wrong with it.
            if not name.startswith("JSON"):
                problem(f"{name} in an archive", post(zipped({"x.dat": data}), {"Content-Type": "application/zip"}), words)

    with group("called by another name"):
        for ending in ("npy", "safetensors", "json", "npz"):
            for name, data, words in foreign.files():
                if name in ("HDF5", "PNG", "a web page", "a Git LFS pointer", "a pickle of protocol 4"):
                    refused(f"{name} called .{ending}", run("score", file(f"x.{ending}", data)), words)
                    body, kind = features.multipart(data, f"x.{ending}")
                    problem(f"{name} called .{ending} in a form", post(body, {"Content-Type": kind}), words)

    with group("rows"):
        for ending in ("f32", "raw", "bin", "F32"):
            scored(f".{ending}", file(f"x.{ending}", rows), coarse=expected)
        for ending in ("dat", "data", ""):
            path = file(f"rows.{ending}" if ending else "rows", rows)
            refused(f"score rows called .{ending}", run("score", path), "--raw")
            refused(f"inspect rows called .{ending}", run("inspect", path, "--width", "64"), "--raw")
            scored(f"--raw .{ending}", path, "--raw", coarse=expected)
            equal(f"inspect --raw .{ending}", run("inspect", path, "--raw", "--width", "64").code, 0)
        found = scored("--raw of what begins as an image", file("x.dat", foreign.whole(b"\x89PNG\r\n\x1a\n")), "--raw")
        contains("it is said", " ".join(found[0]["warnings"]), "PNG")
        for kind, words in (("<f8", "look like float64"), ("<f2", "look like float16"), (">f4", "big-endian float32")):
            other = video.astype(kind).tobytes()
            contains(f"{kind} called .f32", run("score", file("x.f32", other)).err, words)
            contains(f"{kind} as octets", post(other, OCTETS).text, words)
        answer = post(rows, OCTETS)
        equal("octets", (answer.status_code, answer.json()["result"]["coarse"]), (200, expected))
        body, kind = features.multipart(rows, "x.dat")
        equal("octets in a form", post(body, {"Content-Type": kind}).json()["result"]["coarse"], expected)
        body, kind = features.multipart(rows, "x.png", "image/png")
        answer = post(body, {"Content-Type": kind})
        equal("rows that are sent as an image", answer.status_code, 400)
        contains("it is said what rows need", answer.json()["detail"], ".f32")

    with group("archives"):
        times = np.arange(24) / 25
        extra = {"fps": np.array(25.0), "times": times, "names": np.array(["a", "b"])}
        scored("an npz of one array", file("x.npz", saved(clip=video)), coarse=expected)
        scored(
            "an npz with features among others",
            file("x.npz", saved(fps=np.array(25.0), features=video, times=times, names=np.array(["a"]))),
            coarse=expected,
            says=["fps", "times", "names"],
        )
        scored("an npz of one matrix", file("x.npz", saved(clip=video, **extra)), coarse=expected, says=["fps", "times"])
        found = scored("an npz of two", file("x.npz", saved(one=video, two=video[:9], fps=np.array(25))), says=["fps"])
        equal("both are scored", [one["snippets"] for one in found], [24, 9])
        check("and named", "one" in found[0]["file"] and "two" in found[1]["file"], str([one["file"] for one in found]))
        mixed = file("x.npz", saved(one=video, two=video[:9], times=times))
        refused("an npz of two and a list: whole or not at all", run("score", mixed), "times")
        refused("an npz of no matrix", run("score", file("x.npz", saved(**extra))), "fps")
        answer = post(saved(features=video, **extra), {"Content-Type": "application/zip"})
        job = answer.json()
        equal("an npz of one matrix is a job by HTTP", (answer.status_code, job.get("snippets")), (200, 24))
        told = " ".join(job.get("warnings", []))
        contains("what was passed over is a warning of the job", told, "'fps'", "names", "the parameter fps")
        ran = run("score", file("x.npz", saved(features=video, **extra)))
        contains("and on the command line, where it is an option", ran.err, "by --fps")
        body, kind = features.multipart(saved(features=video, **extra), "x.npz")
        answer = post(body, {"Content-Type": kind})
        equal("an npz in a form", (answer.status_code, answer.json().get("name")), (200, "x.npz"))
        many = zipped({f"{name}.npy": features.npy(video) for name in ("features", "cam2", "cam3")})
        jobs = post(many, {"Content-Type": "application/zip"}).json().get("jobs", [])
        equal("no video is lost beside one called features", [one["name"] for one in jobs], ["features", "cam2", "cam3"])
        line = zipped({"a.npy": features.npy(video), "b.npy": features.npy(video[0])})
        problem("a row in place of a matrix", post(line, {"Content-Type": "application/zip"}), "b.npy", "[64]")
        tensors = features.safetensors(
            {
                "features": ("F32", video.shape, rows),
                "fps": ("F64", [], np.float64(25).tobytes()),
                "times": ("F64", [24], times.tobytes()),
            }
        )
        scored("safetensors among others", file("x.safetensors", tensors), coarse=expected, says=["fps", "times"])
        job = post(tensors, {"Content-Type": "application/vnd.safetensors"}).json()
        contains("safetensors by HTTP: a warning", " ".join(job.get("warnings", [])), "fps", "times")
        two = {name: ("F32", array.shape, array.tobytes()) for name, array in (("a", video), ("b", video[:9]))}
        found = scored("safetensors of two", file("x.safetensors", features.safetensors(two)))
        equal("both are scored", [one["snippets"] for one in found], [24, 9])
        scored("an npy in gzip", file("x.npy.gz", gzip.compress(features.npy(video))), coarse=expected)
        scored("rows in gzip", file("x.f32.gz", gzip.compress(rows)), coarse=expected)
        refused("a text in gzip", run("score", file("x.gz", gzip.compress(b"hello, " * 256))), "text")
        scored("JSON", file("x.json", features.rows_json(video)))
        scored("JSON by its beginning", file("x.txt", features.rows_json(video)))
        for name in ("x.npz", "x.npy.gz"):
            data = {"x.npz": saved(features=video, **extra)}.get(name, gzip.compress(features.npy(video)))
            ran = run("inspect", file(name, data), "--width", "64", "--json")
            equal(f"inspect {name}", (ran.code, json.loads(ran.out or "{}").get("rows")), (0, 24))

    with group("torch.save"):
        data = {"data/0": rows}
        one = pickles.tensor("0", video.size, 0, video.shape, (64, 1))
        for name, pickle in (
            ("a tensor", b"\x80\x02" + one + b"."),
            ("a dictionary of features", pickles.state({"features": one, "fps": pickles.number(25)})),
            ("a dictionary of one tensor", pickles.state({"clip": one})),
        ):
            path = file("x.pt", archives.checkpoint(pickle, data))
            scored(name, path, coarse=expected)
            ran = run("inspect", path, "--width", "64", "--json")
            equal(f"inspect {name}", json.loads(ran.out or "{}").get("rows"), 24)
            problem(f"{name} by HTTP", post(path.read_bytes(), OCTETS), "torch.save", ".npy")
        columns = pickles.tensor("0", video.size, 0, (24, 64), (1, 24))
        path = file("x.pt", archives.checkpoint(b"\x80\x02" + columns + b".", {"data/0": video.T.tobytes()}))
        scored("a tensor in columns", path, coarse=expected)
        state = pickles.state({"temporal.x": one, "frame_position_embeddings.weight": one})
        path = file("x.pth", archives.checkpoint(state, data))
        refused("score a checkpoint", run("score", path), "vigil import")
        short = pickles.tensor("0", video.size, 0, (24, 99), (64, 1))
        path = file("x.pt", archives.checkpoint(b"\x80\x02" + short + b".", data))
        refused("a tensor beyond its storage", run("score", path), "beyond its storage")
        wide = pickles.tensor("0", video.size, 0, (1 << 20, 64), (0, 1))
        path = file("x.pt", archives.checkpoint(b"\x80\x02" + wide + b".", data))
        refused("a tensor of one row a million times", run("score", path), "numbers to fill")
        number, call = next(pickles.executing(folder / "canary"))
        refused("a pickle that runs something", run("score", file("x.pt", archives.checkpoint(call))), "system")
        check("nothing was run", not (folder / "canary").exists())
    check("the service lives", server.alive())
finish()
