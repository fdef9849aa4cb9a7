"""Verdicts of reviewers: kept with the job through any end of the server, by two people at a time, and gone with the job."""

import hashlib
import json

from support.harness import check, contains, equal, finish, group, need, scratch

need("verdicts", "numpy", "requests")

import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server  # noqa: E402

folder = scratch()
keys = folder / "keys"
people = {"alice": ("one", ""), "bob": ("two", " owner=alice"), "carol": ("three", ""), "eve": ("four", " role=reader owner=alice"), "root": ("five", " role=admin")}
keys.write_text("".join(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}{more}\n" for name, (key, more) in people.items()))
state = folder / "state"


def ask(server, who, method, path, body=None, match=None, **headers):
    headers |= {"Authorization": f"Bearer {people[who][0]}"} | ({"If-Match": match} if match else {})
    return requests.request(method, server.url + path, data=body if isinstance(body, (bytes, str)) else json.dumps(body), headers=headers, timeout=60)


def verdicts(*list):
    return {"verdicts": [dict(zip(("start", "end", "verdict", "note"), one)) for one in list]}


with Server("--api-keys", keys, state=state) as server:
    job = ask(server, "alice", "POST", "/score", features.npy(features.video(40)), **{"Content-Type": "application/x-npy", "Prefer": "wait=60"}).json()
    path = f"/jobs/{job['id']}/verdicts"

    with group("keeping"):
        answer = ask(server, "alice", "GET", path)
        equal("none at first", (answer.json(), answer.headers["ETag"]), ({"job": job["id"], "revision": 0, "verdicts": []}, '"0"'))
        first = verdicts((3, 9, "true_alarm", "a fight"), (20, 40, "false_alarm", "ein Hund 🐕\n"))
        answer = ask(server, "alice", "PUT", path, first, '"0"')
        equal("kept", (answer.status_code, answer.json()["revision"], answer.headers["ETag"]), (200, 1, '"1"'))
        kept = answer.json()
        equal("with who said so", {one["by"] for one in kept["verdicts"]}, {"alice"})
        equal("the note as it came", kept["verdicts"][1]["note"], "ein Hund 🐕\n")
        equal("they are there", ask(server, "alice", "GET", path).json(), kept)
        equal("who has them is told so", ask(server, "alice", "GET", path, **{"If-None-Match": '"1"'}).status_code, 304)

    with group("two reviewers"):
        equal("who has not looked is asked to", ask(server, "bob", "PUT", path, first).json()["type"], "/problems/precondition-required")
        equal("who has seen less replaces nothing", ask(server, "bob", "PUT", path, verdicts(), '"0"').status_code, 412)
        both = dict(kept, verdicts=[*kept["verdicts"], {"start": 0, "end": 2, "verdict": "false_alarm"}])
        answer = ask(server, "bob", "PUT", path, both, '"1"')
        equal("each is its author's", [(one["start"], one["by"]) for one in answer.json()["verdicts"]], [(0, "bob"), (3, "alice"), (20, "alice")])
        equal("nothing was lost", [one["at"] for one in answer.json()["verdicts"][1:]], [one["at"] for one in kept["verdicts"]])
        kept = answer.json()

    with group("whose they are"):
        equal("another owner knows no such job", [ask(server, "carol", method, path, first, '"2"').status_code for method in ("GET", "PUT")], [404, 404])
        equal("a reader reads", ask(server, "eve", "GET", path).json(), kept)
        equal("and says nothing", ask(server, "eve", "PUT", path, first, '"2"').json()["type"], "/problems/role-forbids")
        equal("an admin sees them", ask(server, "root", "GET", path).json(), kept)
        equal("without a key", requests.get(server.url + path, timeout=60).status_code, 401)
        equal("from another site", ask(server, "alice", "PUT", path, first, '"2"', Origin="http://evil.example").status_code, 403)

    with group("what is refused"):
        for body, words in (
            ("no json", "expected a JSON object"),
            (verdicts((3, 41, "true_alarm")), "verdicts[0].end"),
            (verdicts((3, 9, "perhaps")), "true_alarm or false_alarm"),
            (verdicts((3, 9, "true_alarm"), (3, 9, "false_alarm")), "two on snippets 3 to 9"),
            (verdicts((3, 9, "true_alarm", "x" * 2001)), "2000 bytes at most"),
        ):
            answer = ask(server, "alice", "PUT", path, body, '"2"')
            equal(f"{words}: status", answer.status_code, 422)
            contains(words, answer.json()["detail"], words)
        equal("far too much", ask(server, "alice", "PUT", path, "x" * (1 << 20), '"2"').status_code, 413)
        other = ask(server, "alice", "POST", "/score?deadline=0.000001", features.npy(features.video(40)), **{"Content-Type": "application/x-npy", "Prefer": "wait=60"}).json()
        if other["status"] == "failed":
            equal("on a job without scores", ask(server, "alice", "PUT", f"/jobs/{other['id']}/verdicts", verdicts(), '"0"').json()["type"], "/problems/no-scores")
        equal("nothing has changed", ask(server, "alice", "GET", path).json(), kept)
    server.kill()

with Server("--api-keys", keys, state=state) as server:
    with group("after a server that was killed"):
        equal("they are there", ask(server, "alice", "GET", path).json(), kept)
        equal("and go on from there", ask(server, "alice", "PUT", path, first, '"2"').json()["revision"], 3)
        equal("with the job they go", ask(server, "alice", "DELETE", f"/jobs/{job['id']}").status_code, 204)
        equal("for good", ask(server, "alice", "GET", path).status_code, 404)
    check("it ends as ever", server.stop() == 0)

finish()
