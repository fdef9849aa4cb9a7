"""Values as clients write them, in the query, a form, a JSON body; what a problem's type leads to; Accept of batches."""

import json
import re
import subprocess
import sys

from support.harness import ROOT, check, contains, equal, finish, group, need, scratch

need("values", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402

ARRAY = features.video(45)
BODY = features.npy(ARRAY)
NPY = {"Content-Type": "application/x-npy"}

with Server("--max-queued", "1100") as server:

    def post(query="", body=BODY, headers=NPY, **more):
        return requests.post(f"{server.url}/score{query}", data=body, headers=headers, timeout=60, **more)

    def form(**fields):
        files = {"features": ("x.npy", BODY)} | {name: (None, value) for name, value in fields.items()}
        return requests.post(server.url + "/score", files=files, headers={"Prefer": "wait=60"}, timeout=60)

    def document(text=None, query="", **members):
        text = text or json.dumps({"features": ARRAY.tolist()} | members)
        headers = {"Content-Type": "application/json", "Prefer": "wait=60"}
        return post(query, text.encode() if isinstance(text, str) else text, headers)

    def is_report(answer):
        return answer.status_code == 200 and "row_norm" in answer.json()

    def raw(name, number):
        return document(json.dumps({"features": ARRAY.tolist(), name: "N"}).replace('"N"', number))

    def fps(answer):
        return answer.json().get("result", {}).get("fps") if answer.status_code == 200 else answer.text

    def refused(name, answer, *parts):
        equal(f"{name}: status", answer.status_code, 422)
        equal(f"{name}: type", answer.json().get("type"), "/problems/invalid-parameter")
        contains(f"{name}: detail", answer.json().get("detail", ""), *parts)

    with group("empty is not given"):
        wait = NPY | {"Prefer": "wait=60"}
        equal("?validate_only=", post("?validate_only=").status_code, 202)
        check("?validate_only", is_report(post("?validate_only")))
        equal("?fps=", fps(post("?fps=", headers=wait)), None)
        equal("?fps=&threshold=&labels=&name=", post("?fps=&threshold=&labels=&name=&priority=").status_code, 202)
        equal("in a form", fps(form(fps="", validate_only="", threshold=" ")), None)
        equal("in JSON", fps(document(fps="", threshold=None, validate_only=None)), None)
        equal("of a list", requests.get(server.url + "/jobs?limit=&status=&cursor=&batch=&created_after=").status_code, 200)
        place = post(headers=wait).headers["Location"]
        equal("of a job", requests.get(server.url + place + "?wait=").status_code, 200)

    with group("yes and no"):
        for word in ("true", "True", "TRUE", "1", "yes", "on", "%20true%20", "%EF%BB%BFtrue"):
            check(f"?validate_only={word}", is_report(post(f"?validate_only={word}")))
        for word in ("false", "False", "FALSE", "0", "no", "off"):
            equal(f"?validate_only={word}", post(f"?validate_only={word}").status_code, 202)
        check("a form's True", is_report(form(validate_only="True\r\n")))
        for value in (True, "true", 1, "1"):
            check(f"JSON's {value!r}", is_report(document(validate_only=value)))
        refused("maybe", post("?validate_only=maybe"), "validate_only", "maybe", "true or false")
        refused("JSON's 2", document(validate_only=2), "validate_only", "true or false")

    with group("numbers"):
        for text, value in (
            ("30", 30), ("29.97", 29.97), ("30000/1001", 30000 / 1001), ("3e1", 30), ("%2030%0A", 30), ("30.", 30),
        ):  # fmt: skip
            equal(f"?fps={text}", fps(post(f"?fps={text}", headers=wait)), value)
            equal(f"a form's {text}", fps(form(fps=requests.utils.unquote(text))), value)
        for value, expected in ((30, 30), ("30000/1001", 30000 / 1001), (29.97, 29.97), ("25", 25)):
            equal(f"JSON's {value!r}", fps(document(fps=value)), expected)
        equal("a whole number as a float", document(min_snippets=3.0, merge_gap="2").status_code, 200)
        for text in ("0x10", "nan", "inf", "1/0", "1/2/3", "30,5", "%D9%A3", "1_0", "fast", "/", "30/"):
            refused(f"?fps={text}", post(f"?fps={text}"), "fps")
        refused("min_snippets=1.5", post("?min_snippets=1.5"), "min_snippets", "whole number")
        for query in ("wait=0x10", "wait=nan", "wait=inf"):
            refused(query, requests.get(f"{server.url}{place}?{query}"), "wait")
        for name in ("fps", "threshold", "leave", "min_snippets", "merge_gap"):
            for text in ("1e-400", "1e999", "1e-200/1e200"):
                refused(f"?{name}={text}", post(f"?{name}={text}"), name, text)
                refused(f"a form's {name} {text}", form(**{name: text}), name, text)
                if "/" not in text:
                    refused(f"JSON's {name} {text}", raw(name, text), name, text)
        place = post().headers["Location"]
        for path in ("/jobs?limit=1e-400", place + "?wait=1e-400", place + "?wait=1e999"):
            refused(path, requests.get(server.url + path, timeout=60), "1e")
        refused("JSON's list", document(fps=[30]), "fps")
        refused("JSON's true", document(fps=True), "fps")
        for query in ("limit=0x10", "limit=%2B5", "limit=1001", "limit=x"):
            refused(query, requests.get(f"{server.url}/jobs?{query}"), "limit")
        equal("limit", requests.get(f"{server.url}/jobs?limit=%205").status_code, 200)
        after = "created_after=2026-01-01T00:00:00+01:00"
        equal("a time with a bare plus", requests.get(f"{server.url}/jobs?{after}").status_code, 200)

    with group("labels"):
        labels = requests.get(server.url + "/v1/models").json()["models"][0]["labels"]
        for name, answer in (
            ("text", document(labels=", ".join(labels))),
            ("a JSON list", document(labels=labels)),
            ("a list as text", form(labels=json.dumps(labels))),
        ):
            equal(name, answer.json().get("result", {}).get("fine", {}).get("labels"), labels)
        refused("a list of numbers", document(labels=[1, 2]), "labels")

    with group("given twice, unknown"):
        refused("a query", post("?fps=30&fps=25"), "fps", "twice")
        refused("query and JSON", document(query="?fps=30", fps=25), "fps", "twice")
        refused("JSON", document('{"fps": 30, "features": [[1]], "fps": 25}'), "fps", "twice")
        refused("a list", requests.get(server.url + "/jobs?limit=1&limit=2"), "limit", "twice")
        refused("treshold in the query", post("?treshold=0.5"), "treshold", "threshold?")
        refused("in JSON", document(treshold=0.5), "treshold", "threshold?")
        refused("in a form", form(treshold="0.5"), "treshold", "threshold?")
        refused("before the features", document('{"meta": {"a": [1]}, "features": [[1]]}'), "meta")
        refused("minSnippets", post("?minSnippets=3"), "minSnippets", "min_snippets?")
        refused("of DELETE", requests.delete(server.url + place + "?dry_run=true"), "dry_run")
        large = document(json.dumps({"rows": ARRAY.tolist() * 30}))
        check("features under another name", large.status_code == 422 and "rows" in large.json()["detail"], large.text)
        equal("what it was sent to is there", requests.get(server.url + place).status_code, 200)

    with group("a byte order mark"):
        text = b"\xef\xbb\xbf" + json.dumps({"features": ARRAY.tolist(), "fps": 25}).encode()
        equal("before JSON", fps(document(text)), 25)

    with group("lastEventId"):
        url = f"{server.url}{place}/events"
        equal("all of it", requests.get(url + "?lastEventId=").text.count("event: scores"), 2)
        equal("from there on", requests.get(url + "?lastEventId=1").text.count("event: scores"), 1)
        equal("the field wins", requests.get(url + "?lastEventId=2.end", headers={"Last-Event-ID": "1"}).status_code, 200)
        equal("the end", requests.get(url + "?lastEventId=2.end").status_code, 204)
        refused("a typo", requests.get(url + "?lastEventID=1"), "lastEventID", "lastEventId?")

    with group("what is acceptable of a batch"):
        two = [("features", ("a.npy", BODY)), ("features", ("b.npy", BODY))]
        accept = {"Accept": "application/x-npy"}
        count = len(requests.get(server.url + "/jobs?limit=1000").json()["jobs"])
        answer = requests.post(server.url + "/score", files=two, headers=accept)
        equal("posting one", (answer.status_code, answer.json()["type"]), (406, "/problems/not-acceptable"))
        equal("queued nothing", len(requests.get(server.url + "/jobs?limit=1000").json()["jobs"]), count)
        batch = requests.post(server.url + "/score", files=two).headers["Location"]
        equal("reading one", requests.get(server.url + batch, headers=accept).status_code, 406)
        equal("as JSON", requests.get(server.url + batch, headers={"Accept": "application/*"}).status_code, 200)
        equal("a report", post("?validate_only", headers=NPY | accept).status_code, 406)
        equal("a list", requests.get(server.url + "/jobs", headers=accept).status_code, 406)

    with group("a problem's type leads somewhere"):
        kind = post("?treshold=1").json()["type"]
        text = requests.get(server.url + kind, headers={"Accept": "text/plain"})
        contains("as text", text.text, "invalid-parameter", "422")
        check("in a line", text.headers["Content-Type"].startswith("text/plain") and text.text.count("\n") == 1, text.text)
        found = requests.get(server.url + kind, headers={"Accept": "application/json"}).json()
        equal("as JSON", (found["type"], found["status"]), (kind, 422))
        page = requests.get(server.url + kind, headers={"Accept": "text/html,*/*;q=0.8"})
        check("as a page", page.headers["Content-Type"].startswith("text/html") and "<h1>" in page.text, page.text)
        listed = requests.get(server.url + "/problems", headers={"Accept": "application/json"}).json()["problems"]
        described = set(re.findall(r"- (/problems/[a-z-]+)", (ROOT / "openapi.yaml").read_text()))
        equal("all are listed", {one["type"] for one in listed}, described)
        bad = [one for one in described if requests.get(server.url + one).status_code != 200]
        equal("each leads to its own", bad, [])
        equal("no other", requests.get(server.url + "/problems/nonsense").json()["type"], "/problems/not-found")

    with group("a batch of as many as may wait"):
        many = {f"m{n}": np.ones((1, 64), np.float32) * n for n in range(1, 1051)}
        path = scratch() / "many.npz"
        np.savez(path, **many)
        answer = post(body=path.read_bytes(), headers={"Content-Type": "application/zip"})
        equal("1,050 where 1,100 may", answer.status_code, 202)
        check("all of them", len(answer.json().get("jobs", [])) == 1050)

with Server() as server, group("what stands beside features in a file"):
    folder = scratch()

    def file(name, **members):
        (folder / name).write_text(json.dumps({"features": ARRAY.tolist()} | members))
        return folder / name

    def sent(*paths, query="", **fields):
        files = [("features", (path.name, path.read_bytes())) for path in paths]
        files += [(name, (None, value)) for name, value in fields.items()]
        headers = {"Prefer": "wait=60"}
        return requests.post(server.url + "/score" + query, files=files, headers=headers, timeout=60)

    right, wrong, other = file("a.json", fps=25, threshold="0.1"), file("b.json", treshold=0.1), file("c.json")
    equal("of the only file of a form", fps(sent(right)), 25)
    refused("a name that is none", sent(wrong), "treshold", "threshold")
    refused("given in the query too", sent(right, query="?fps=30"), "fps", "given twice")
    refused("given in a field too", sent(right, fps="30"), "fps", "given twice")
    answer = sent(right, other)
    jobs = answer.json().get("jobs", [])
    equal("of one of several files: taken", (answer.status_code, len(jobs)), (200, 2))
    contains("and told", " ".join(jobs[0]["warnings"]), "'fps'", "'threshold'", "batch")
    equal("of the others there is nothing to tell", jobs[1]["warnings"], [])

    ran = run("score", right, "--format", "json")
    equal("vigil score takes them", (ran.code, json.loads(ran.out or "{}").get("fps")), (0, 25))
    check("threshold too", json.loads(ran.out)["segments"] != json.loads(run("score", other, "--format", "json").out)["segments"])
    ran = run("score", wrong)
    equal("vigil score refuses a name that is none", (ran.code, ran.out), (65, ""))
    contains("by file and name", ran.last, "b.json", "treshold", "threshold")
    ran = run("score", right, "--fps", "30")
    equal("vigil score refuses what is given twice", ran.code, 65)
    contains("by name", ran.last, "a.json", "fps", "given twice")
    ran = run("score", right, "--threshold", "0.2")
    contains("each of them", ran.last, "a.json", "threshold", "given twice")
    ran = run("score", file("d.json", priority="high", fps=30), other, "--format", "json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    equal("each file has its own", [line["fps"] for line in lines], [30, None])
    contains("what means nothing on the command line is told", ran.err, "d.json", "priority")
    ran = run("inspect", right, "--width", "64", "--json")
    contains("vigil inspect shows that they are there", json.loads(ran.out)["warnings"][0], "'fps'", "'threshold'")

with Server("--max-queued", "3") as server:
    with group("a batch of more"):
        files = [("features", (f"{n}.npy", BODY)) for n in range(4)]
        answer = requests.post(server.url + "/score", files=files)
        equal("four where three may", (answer.status_code, answer.json()["type"]), (413, "/problems/batch-too-large"))

with group("the manual's Python"):
    text = (ROOT / "docs/http.md").read_text().partition("```python\n")[2].partition("```")[0]
    folder = scratch()
    with Server() as server:
        (folder / "client.py").write_text(text.replace("http://127.0.0.1:8080", server.url))
        ran = []
        for width in (64, 65):
            np.save(folder / "features.npy", features.video(200, width=width))
            ran.append(subprocess.run([sys.executable, "client.py"], cwd=folder, capture_output=True, text=True, timeout=60))
        equal("it runs", (ran[0].returncode, ran[0].stderr), (0, ""))
        check("what is wrong is told", ran[1].returncode == 1, ran[1])
        contains("by the detail", ran[1].stderr, "65")
        check("in a line", "Traceback" not in ran[1].stderr, ran[1].stderr)

finish()
