"""Scoring in fewer bits: where it is chosen and told, how far off it is, what is refused, and what is never mixed."""

import json

from support.harness import check, contains, equal, finish, group, need, note, scratch

need("computes", "numpy", shared=True)

from support import features  # noqa: E402
from support.jobs import Client  # noqa: E402
from support.models import Model  # noqa: E402
from support.process import Server, run  # noqa: E402

COMPUTES = {"float32": 0, "bfloat16": 0.1, "int8": 0.5}
BODY = features.npy(features.video(70))
model, file = Model(1), scratch() / "video.npy"
file.write_bytes(BODY)


def unchecked(source):
    """The model as older versions wrote it: nothing says what it may be computed in."""
    data = source.read_bytes()
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    head["__metadata__"] = {key: value for key, value in head["__metadata__"].items() if not key.startswith("compute.")}
    changed = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    path = scratch() / "older.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + changed.ljust(length) + data[8 + length :])
    return path


def scored(*options, env=None):
    done = run("score", "--format", "json", "--logits", *options, file, env=env, timeout=120)
    equal(f"vigil score {' '.join(map(str, options[:2]))} ends well", done.code, 0)
    found = json.loads(done.out)
    return found.get("result", found)


def logits(result):
    return result["logits"]["coarse"] + [value for row in result["logits"]["fine"] for value in row]


with group("vigil score"):
    exact = scored("--model", model.path)
    equal("float32 is what nobody asks for", exact["provenance"]["compute"], "float32")
    found = {}
    for compute, most in COMPUTES.items():
        found[compute] = scored("--compute", compute, "--model", model.path)
        equal(f"{compute}: the result says so", found[compute]["provenance"]["compute"], compute)
        worst = max(abs(a - b) for a, b in zip(logits(found[compute]), logits(exact)))
        note(f"{compute}: the largest difference of a logit is {worst:.4f}")
        check(f"{compute}: near float32", worst <= most and (worst > 0) == (compute != "float32"), worst)
        portable = scored("--compute", compute, "--kernels", "portable", "--model", model.path)
        check(
            f"{compute}: as near by the portable kernels",
            max(abs(a - b) for a, b in zip(logits(portable), logits(exact))) <= max(most, 1e-4),
        )
    by_variable = scored("--model", model.path, env={"VIGIL_COMPUTE": "int8"})
    equal("the variable says it too", by_variable["coarse"], found["int8"]["coarse"])
    wrong = run("score", "--compute", "int4", "--model", model.path, file)
    equal("another arithmetic is a wrong use", wrong.code, 64)
    contains("which says what there is", wrong.err, "int4", *COMPUTES)

with group("a chunk on several threads"):
    for compute in COMPUTES:
        alone = scored("--compute", compute, "--workers", "1", "--model", model.path)
        for workers in ("2", "3"):
            shared = scored("--compute", compute, "--workers", workers, "--model", model.path)
            check(f"{compute}: the same bits on {workers}", logits(shared) == logits(alone))

with group("a model that was not checked"):
    older = unchecked(model.path)
    equal("is scored in float32", scored("--model", older)["coarse"], exact["coarse"])
    for compute in ("bfloat16", "int8"):
        refused = run("score", "--compute", compute, "--model", older, file)
        equal(f"is refused in {compute}", refused.code, 65)
        contains("by name, with what to do", refused.err, str(older), compute, "import it again", "--compute float32")

with group("prepared at the import"):
    prepared = scratch() / "prepared.safetensors"
    done = run("import", model.checkpoint, "--output", prepared, "--compute", "float32,int8,bfloat16")
    equal("for each arithmetic", done.code, 0)
    check("which makes the file larger", prepared.stat().st_size > 1.3 * model.path.stat().st_size)
    for compute in COMPUTES:
        equal(f"{compute}: the same scores", scored("--compute", compute, "--model", prepared)["coarse"], found[compute]["coarse"])
    tower = scratch() / "tower.safetensors"
    done = run("import", model.checkpoint, "--output", tower, "--compute", "float32,int8", "--keep-image-tower", timeout=300)
    equal("with an image tower", done.code, 0)
    equal("which changes no score", scored("--compute", "int8", "--model", tower)["coarse"], found["int8"]["coarse"])
    for wrong in (["--compute", "int8,int8"], ["--compute", "int4"], ["--compute", "int8", "--prepare", "none"]):
        done = run("import", model.checkpoint, "--output", scratch() / "x.safetensors", *wrong)
        equal(f"{' '.join(wrong)} is a wrong use", done.code, 64)

with group("vigil serve"):
    state = scratch() / "state"
    state.mkdir()
    jobs = {}
    for compute in COMPUTES:
        options = ("--compute", compute, "--reuse-results", "--model", model.path)
        with Server(*options, state=state) as server:
            client = Client(server)
            equal("/v1/models says it", client.get("/v1/models").json()["models"][0]["compute"], compute)
            equal("/v1/server says it", client.get("/v1/server").json()["models"][0]["compute"], compute)
            job = client.post(BODY, Prefer="wait=60").json()
            equal("the result says it", job["result"]["provenance"]["compute"], compute)
            check("no result of another arithmetic is taken for it", job["result"]["coarse"] == found[compute]["coarse"])
            again = client.post(BODY, Prefer="wait=60").json()
            check("its own is", again["result"]["coarse"] == found[compute]["coarse"])
            jobs[compute] = job["id"]
            for other, identifier in jobs.items():
                kept = client.job(identifier)["result"]["provenance"]["compute"]
                equal("older results stay what they are", kept, other)

finish()
