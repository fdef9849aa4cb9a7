"""The published implementations' logits, through `vigil import` and HTTP, for every case of ../shared/golden: VadCLIP's, and
DSANet's with its refined scores."""

import json
import os
import pathlib
import sys

from support.harness import ROOT, SHARED, check, equal, finish, group, need, note, pace, scratch

need("parity", "numpy", "requests", shared=True)

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import expected, features, kept  # noqa: E402
from support.process import Server, run  # noqa: E402

sys.path.insert(0, str(SHARED / "golden"))
import make_checkpoint as golden  # noqa: E402
import make_dsanet_checkpoint as dsanet  # noqa: E402

FIXTURES = ROOT / "Tests/VadCLIPTests/Fixtures"

MOST = 1e-4
MOST_REFINED = 1e-5
# AVadCLIP's are of a reading copy of the published code.
WIDTHS = {"tiny": 64, "ucf": 512, "xd": 512, "dsanet-tiny": 64, "dsanet-ucf": 512, "dsanet-xd": 512, "avadclip-xd": 512}
NAMES = {"tiny": "ucf-crime", "ucf": "ucf-crime", "xd": "xd-violence"}
NAMES |= {"dsanet-" + config: "dsanet-" + name for config, name in NAMES.items()} | {"avadclip-xd": "avadclip-xd-violence"}
folder, paths = pathlib.Path(os.environ.get("CHECKPOINTS") or scratch()), {}
folder.mkdir(parents=True, exist_ok=True)


def checkpoint(config):
    name = config
    script = SHARED / f"golden/make_{'dsanet_' if config.startswith('dsanet') else ''}checkpoint.py"
    if config.startswith("avadclip"):
        script, config = FIXTURES / "avadclip_reference.py", config.removeprefix("avadclip-")
    # The suites of the package have the same ones, by the same names.
    paths[name] = folder / f"{script.stem}-{config}-1.pth"
    command = [sys.executable, script, "--config", config, "--seed", "1"]
    return kept.make(paths[name], command, os.environ | {"PYTHONPATH": str(SHARED / "golden")})


def labels_of(config):
    return list(np.load(SHARED / f"golden/expected/{config.removeprefix('avadclip-').replace('-', '_')}.npz")["labels"])


def cases(config):
    name = config.replace("-", "_")
    is_own = config.startswith("avadclip")
    arrays = np.load(FIXTURES / f"golden_{name}.npz" if is_own else SHARED / f"golden/expected/{name}.npz")
    for name in arrays.files:
        if name.endswith("_logits_coarse"):
            rows = int(name[1:].split("_")[0])
            refined = arrays[f"T{rows}_refined"] if config.startswith("dsanet") else None
            yield rows, arrays[name], arrays[f"T{rows}_logits_fine"], labels_of(config), refined


def parity(config):
    model = scratch() / f"{config}.safetensors"
    path = checkpoint(config)
    family, temperature = "avadclip" if config.startswith("avadclip") else "vadclip", None
    if config.startswith("dsanet"):
        family, temperature = "dsanet", dsanet.CONFIGS[config]["temperature"]
    options = ["--preset", NAMES[config]] if config == "dsanet-tiny" else []
    ran = run("import", path, "--output", model, *options, timeout=300)
    size = path.stat().st_size >> 20
    note(
        f"{config}: {size} MiB imported in {ran.seconds:.1f} s to "
        f"{model.stat().st_size >> 20} MiB, {ran.own:.0f} MiB resident of its own"
    )
    equal(f"{config}: import", ran.code, 0)
    check(f"{config}: import in seconds", ran.cpu < 80 * pace(), f"{ran.cpu:.1f} s of a core, {pace():.2f} s of which are the pace")
    check(f"{config}: import with 300 MiB", ran.own < 300, f"{ran.own:.0f} MiB")
    worst, worst_refined, inconsistent, unequal, count = (0, None), 0.0, [], [], 0
    with Server(model=model) as server:
        for rows, coarse, fine, labels, refined in cases(config):
            count += 1
            body = features.npy(golden.features(rows, WIDTHS[config], 100 + rows))
            answer = requests.post(
                server.url + "/score?logits=true",
                data=body,
                timeout=60,
                headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"},
            )
            job = answer.json()
            result = job["result"]
            for branch, wanted in (("coarse", coarse), ("fine", fine)):
                difference = float(np.abs(np.array(result["logits"][branch], "<f4") - wanted).max())
                worst = max(worst, (difference, f"T {rows}, {branch}"))
            if refined is not None:
                difference = float(np.abs(np.array(result["fine"]["scores"], "<f4") - refined).max())
                worst_refined = max(worst_refined, difference)
            inconsistent += [f"T {rows}: {one}" for one in expected.faults(job, rows, temperature)]
            if result["provenance"]["family"] != family:
                inconsistent.append(f"T {rows}: family {result['provenance']['family']}")
            if result["fine"]["labels"] != labels or result["model"] != NAMES[config]:
                inconsistent.append(f"T {rows}: {result['model']} {result['fine']['labels']}")
            if requests.get(f"{server.url}/jobs/{job['id']}", timeout=60).json() != job:
                unequal.append(rows)
        models = requests.get(server.url + "/v1/models").json()["models"][0]
    note(f"{config}: worst difference of a logit {worst[0]:.2g} ({worst[1]}) in {count} cases")
    check(f"{config}: logits within {MOST}", count >= 10 and worst[0] <= MOST, str(worst))
    if temperature:
        note(f"{config}: worst difference of a refined score {worst_refined:.2g}")
        check(f"{config}: refined scores within {MOST_REFINED}", worst_refined <= MOST_REFINED, str(worst_refined))
    check(f"{config}: results agree with themselves", not inconsistent, "; ".join(inconsistent[:5]))
    check(f"{config}: a poll gives the same", not unequal, f"T {unequal}")
    told = (models["width"], models["trained"], models["family"])
    equal(f"{config}: /v1/models", told, (WIDTHS[config], True, family))
    facts = [json.loads(run("inspect", "--json", one).out) for one in (path, model)]
    equal(f"{config}: inspect tells the family", [one["family"] for one in facts], [family, family])
    return model


def command_line(model, config):
    """`vigil score` gives the numbers that the service gives."""
    path = scratch() / "x.npy"
    np.save(path, golden.features(100, 64, 200))
    ran = run("score", path, "--model", model, "--logits", "--format", "json")
    found = json.loads(ran.out)
    fine, refined = next((fine, refined) for rows, _, fine, _, refined in cases(config) if rows == 100)
    difference = np.abs(np.array(found["logits"]["fine"]) - fine).max()
    check("vigil score: logits", ran.code == 0 and difference <= MOST, f"{ran.code} {difference} {ran.err}")
    if refined is not None:
        difference = np.abs(np.array(found["fine"]["scores"]) - refined).max()
        check("vigil score: refined scores", difference <= MOST_REFINED, str(difference))


def nested(config):
    """A training checkpoint imports to the same model; labels can be any with a vocabulary and the text tower."""
    path, folder = scratch() / "nested.pth", scratch()
    maker = dsanet if config.startswith("dsanet") else golden
    maker.write_pth(path, maker.state(config, 1), "model_state_dict")
    vocabulary = SHARED / "data/bpe_simple_vocab_16e6.txt.gz"
    preset = ["--preset", NAMES[config]]
    run("import", path, "--output", folder / "nested.safetensors", *preset)
    run("import", checkpoint(config), "--output", folder / "plain.safetensors", *preset)
    tensors = [
        features.read_safetensors((folder / f"{name}.safetensors").read_bytes())[0] for name in ("nested", "plain")
    ]
    check("nested: the same tensors", tensors[0] == tensors[1])
    tower = folder / "tower.safetensors"
    ran = run("import", checkpoint(config), "--output", tower, "--keep-text-tower", "--vocab", vocabulary, *preset)
    equal("--keep-text-tower", (ran.code, ran.err.count("text tower")), (0, 0))
    labels = next(cases(config))[3]
    with Server(model=folder / "tower.safetensors") as server:
        body = features.npy(golden.features(64, 64, 164))

        def score(**query):
            return requests.post(
                server.url + "/score",
                params=query | {"logits": "true"},
                data=body,
                headers={"Prefer": "wait=20"},
                timeout=60,
            )

        own, asked = score().json()["result"], score(labels=",".join(labels)).json()["result"]
        difference = np.abs(np.array(own["logits"]["fine"]) - np.array(asked["logits"]["fine"])).max()
        check("labels= of the model's own labels: the same logits", difference <= MOST, str(difference))
        swapped = score(labels="normal,fighting,a person is falling").json()["result"]
        at = labels.index("fighting")
        difference = np.abs(np.array(swapped["logits"]["fine"])[:, 1] - np.array(own["logits"]["fine"])[:, at]).max()
        check("labels= of some: theirs", difference <= MOST, str(difference))
        answer = score(labels="normal," + "very " * 90 + "long")
        equal("labels too long: 422", answer.status_code, 422)
        equal("duplicate labels: 422", score(labels="normal,riot,riot").status_code, 422)


for config in WIDTHS:
    with group(config):
        model = parity(config)
        if config.endswith("tiny"):
            command_line(model, config)
            nested(config)
        if "CHECKPOINTS" not in os.environ:
            # Half a gigabyte each.
            paths[config].unlink()
finish()
