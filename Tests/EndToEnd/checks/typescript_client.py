"""The TypeScript client in Node, as tsc makes it: against a real server, a busy one, and streams that break."""

import json
import shutil
import subprocess

from support.harness import ROOT, check, equal, finish, group, need, scratch, shown, skip

need("typescript_client", "numpy", "requests")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.between import Between, Raw  # noqa: E402
from support.process import Server  # noqa: E402

CLIENT = ROOT / "deploy/clients/typescript"
BEGINNING = """
import { Vigil, Problem, JobFailed, VigilError } from "./vigil.js";
import { readFileSync } from "node:fs";
const [url, other] = process.argv.slice(2);
const bytes = readFileSync("cam.npy");
const say = (value) => console.log(JSON.stringify(value));
const thrown = async (body) => { try { await body(); return null; } catch (error) { return error; } };
"""
ID = "01M85BV3QAE4RGA8GVVP3465ME"

for program in ("node", "tsc"):
    if not shutil.which(program):
        skip("typescript_client", f"needs {program}")
        finish()
folder = scratch()
built = subprocess.run(["tsc", "-p", CLIENT, "--outDir", folder], capture_output=True, text=True)
if not equal("tsc --strict", (built.returncode, built.stdout), (0, "")):
    finish()
array = features.video(45)
(folder / "cam.npy").write_bytes(features.npy(array))
(folder / "package.json").write_text('{"type": "module"}')


def node(script, *arguments):
    """What a script says, a value a line."""
    (folder / "script.js").write_text(BEGINNING + script)
    ran = subprocess.run(["node", "script.js", *arguments], cwd=folder, capture_output=True, text=True, timeout=240)
    check("exit 0", ran.returncode == 0, shown(ran.stderr, 600))
    return [json.loads(line) for line in ran.stdout.splitlines()]


def used(server):
    result, named, report, batch, ended, length, again, newest, gone, wrong = node(
        """
        const vigil = new Vigil(url);
        say(await vigil.score(bytes, { fps: 30, threshold: 0.3, logits: true }));
        const job = await vigil.submit(new File([bytes], "gate.npy"));
        say(job.name);
        say((await vigil.report(bytes)).rows);
        const batch = await vigil.submitBatch([bytes, bytes]);
        say(batch.jobs.length);
        say((await vigil.batch(batch, 60)).jobs.map((one) => one.status));
        say((await vigil.npy(await vigil.wait(job))).length);
        say(await vigil.result(await vigil.scoreAgain(job, { threshold: 0.2, labels: ["normal", "fight", "collision", "explosion", "fall", "theft"] })));
        const jobs = [];
        for await (const one of vigil.jobs({ batch: batch.id })) jobs.push(one.id);
        say(jobs.sort().join() === batch.jobs.map((one) => one.id).sort().join());
        const error = await thrown(() => vigil.job("01M85BV3QAE4RGA8GVVP3465ME"));
        say([error instanceof Problem, error.status, error.type]);
        say((await thrown(() => vigil.job("../models"))) instanceof VigilError);
        """,
        server.url,
    )
    job = requests.post(f"{server.url}/score?fps=30", features.npy(array), headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"}, timeout=90).json()
    check("the scores", result["coarse"] == job["result"]["coarse"] and "logits" in result)
    equal("the rest", (named, report, batch, ended), ("gate.npy", 45, 2, ["succeeded"] * 2))
    check("scores alone", length > 45 * 4)
    check("again, by another cut", again["coarse"] == result["coarse"])
    equal("a batch's jobs, an unknown one, no id", (newest, gone, wrong), (True, [True, 404, "/problems/unknown-job"], True))


def followed(server):
    rows = 20 * 32 + 5
    (folder / "long.npy").write_bytes(features.npy(features.video(rows)))
    with Between(server, cuts=[700, 4000, 50]) as between:
        whole, scores, last = node(
            """
            const vigil = new Vigil(other);
            const result = await vigil.score(readFileSync("long.npy"));
            const job = (await vigil.submit(readFileSync("long.npy"))).id;
            let scores = [], last;
            for await (const event of vigil.events(job)) {
              if (event.event === "scores") scores = scores.concat(event.data.coarse);
              last = event.event;
            }
            say(result.coarse); say(scores); say(last);
            """,
            server.url,
            between.url,
        )
        check("each score once, over streams that break", scores == whole)
        equal("until the end", last, "end")
        equal("four streams", len([one for one in between.requests if one["path"].endswith("/events")]), 4)


def lost(server):
    fates = [("answer", 429, {"Retry-After": "1"}), "cut", "lose", ("answer", 503, {})]
    before = {one["id"] for one in requests.get(f"{server.url}/jobs?limit=1000", timeout=60).json()["jobs"]}
    with Between(server, lambda request: fates.pop(0) if fates and request["method"] == "POST" else None) as between:
        (job,) = node("say((await new Vigil(other).submit(bytes)).id);", server.url, between.url)
        after = {one["id"] for one in requests.get(f"{server.url}/jobs?limit=1000", timeout=60).json()["jobs"]}
        equal("one job, however often it was sent", (after - before, len(between.posts())), ({job}, 5))
    with Between(server, lambda request: ("answer", 429, {"Retry-After": "100"})) as between:
        said = node("const error = await thrown(() => new Vigil(other, { patience: 5000 }).job('%s')); say(error.status);" % ID, "", between.url)
        equal("one that is asked to wait too long", (said, len(between.requests)), ([429], 1))


def cancelled():
    with Server("--workers", 1, **slow.only()) as server:
        # The worker holds two jobs at a time.
        for index in range(3):
            (folder / f"{index}.npy").write_bytes(features.npy(features.video(30_000 + index)))
        lose = lambda one: "lose" if one["method"] == "DELETE" else None  # noqa: E731
        with Between(server, lose) as between:
            said = node(
                """
            const vigil = new Vigil(url);
            const running = [];
            for (const name of ["0", "1", "2"]) running.push(await vigil.submit(readFileSync(name + ".npy")));
            const job = await vigil.submit(bytes);
            say((await vigil.cancel(job)).status); say((await vigil.cancel(job)).status);
            say((await thrown(() => vigil.result(job))) instanceof JobFailed);
            say((await thrown(() => vigil.wait(running[2], { signal: AbortSignal.timeout(300) }))) !== null);
            say((await new Vigil(other).cancel(running[0])).status);
            """,
                server.url,
                between.url,
            )
        wanted = ["cancelled", "cancelled", True, True, "cancelled"]
        equal("cancelled, again, its result, a wait that is given up, and one that runs though the answer was lost", said, wanted)


def hostile():
    def endless():
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        while True:
            yield b"data: " + b"x" * 0x100000

    def body(text):
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

    for name, said in {
        "no JSON": body("<html>"), "a list": body("[]"), "a status that is none": body(f'{{"id":"{ID}","status":"x"}}'),
        "an id that is a path": body('{"id":"../../../x","status":"queued"}'), "nothing": b"",
    }.items():  # fmt: skip
        with Raw(said) as raw:
            equal(name, node(f"say((await thrown(() => new Vigil(other, {{ patience: 0 }}).job('{ID}'))).name);", "", raw.url), ["VigilError"])
    with Raw(endless) as raw:
        script = f"say((await thrown(async () => {{ for await (const one of new Vigil(other, {{ patience: 0 }}).events('{ID}')); }})).name);"
        equal("an event without an end", node(script, "", raw.url), ["VigilError"])


with Server("--upload-ttl", 600) as server:
    for name, one in (("used", used), ("followed", followed), ("lost", lost)):
        with group(name):
            one(server)
with group("cancelled"):
    cancelled()
with group("hostile"):
    hostile()
finish()
