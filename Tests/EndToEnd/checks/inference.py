"""The Open Inference Protocol: by hand, and by NVIDIA's own client, which knows nothing of us."""

import asyncio
import gzip
import json
import socket
import threading
import time

from support.harness import ROOT, check, contains, equal, finish, group, need, note, scratch, skip

need("inference", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.process import Server, run  # noqa: E402

try:
    import tritonclient.http
    import tritonclient.http.aio
    from tritonclient.utils import InferenceServerException
except ImportError:
    tritonclient = None

WIDTH = 64
LENGTHS = (1, 30, 257, 600)


def bits(array):
    return np.asarray(array, "<f4").tobytes()


def scored(server, array, **query):
    """What /score has of the same features."""
    scored.count = getattr(scored, "count", 0) + 1
    answer = requests.post(
        f"{server.url}/score",
        params={"logits": "true"} | query,
        data=features.npy(array),
        headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"},
        timeout=90,
    )
    return answer.json()["result"]


def same(name, result, expected, rows=None):
    """Each tensor of an answer is what /score has, to the bit; `rows` is the place of a video in a batch."""

    def take(tensor):
        found = result(tensor)
        return found if rows is None or found is None else found[rows]

    pairs = {
        "coarse": expected["coarse"],
        "fine": expected["fine"]["scores"],
        "coarse_logits": expected["logits"]["coarse"],
        "fine_logits": expected["logits"]["fine"],
    }
    wrong = [tensor for tensor, values in pairs.items() if take(tensor) is None or bits(take(tensor)) != bits(values)]
    check(f"{name}: to the bit what /score has", not wrong, wrong)


def jobs(server):
    return requests.get(f"{server.url}/jobs?limit=1000", timeout=60).json()["jobs"]


def wait(condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def tensors(client, array, datatype="FP32", binary=True, name="features"):
    kept = client.InferInput(name, list(array.shape), datatype)
    kept.set_data_from_numpy(array, binary_data=binary)
    return kept


ALL = ("coarse", "fine", "coarse_logits", "fine_logits")


def by_client(server, model):
    """The synchronous client: what it asks before, both forms of tensors, batches, halves, compression, errors."""
    client = tritonclient.http.InferenceServerClient(f"{server.host}:{server.port}", concurrency=4)
    check("tritonclient: live", client.is_server_live())
    check("tritonclient: ready", client.is_server_ready())
    check("tritonclient: the model is ready", client.is_model_ready(model))
    check("tritonclient: another is not", not client.is_model_ready("nonsense"))
    server_metadata = client.get_server_metadata()
    check("tritonclient: server metadata", "binary_tensor_data" in server_metadata["extensions"], server_metadata)
    metadata = client.get_model_metadata(model)
    version = metadata["versions"][0]
    equal(
        "tritonclient: the model by its version's first digits",
        client.get_model_metadata(model, version[:12]),
        metadata,
    )
    equal("tritonclient: input's shape", metadata["inputs"][0]["shape"], [-1, WIDTH])
    for rows in LENGTHS:
        array = features.video(rows, seed=rows)
        expected = scored(server, array)
        for binary_in in (True, False):
            for binary_out in (True, False):
                outputs = [tritonclient.http.InferRequestedOutput(name, binary_data=binary_out) for name in ALL]
                result = client.infer(
                    model, [tensors(tritonclient.http, array, binary=binary_in)], outputs=outputs, request_id="7"
                )
                forms = [{True: "bytes", False: "JSON"}[form] for form in (binary_in, binary_out)]
                same(f"tritonclient: {rows} rows, {forms[0]} to {forms[1]}", result.as_numpy, expected)
        response = result.get_response()
        equal("tritonclient: id and version", (response["id"], response["model_version"]), ("7", version))
    usual = client.infer(model, [tensors(tritonclient.http, array)], model_version=version[:8])
    equal("tritonclient: without outputs", [one["name"] for one in usual.get_response()["outputs"]], ["coarse", "fine"])
    half = array.astype(np.float16)
    outputs = [tritonclient.http.InferRequestedOutput(name) for name in ALL]
    result = client.infer(model, [tensors(tritonclient.http, half, "FP16")], outputs=outputs)
    same("tritonclient: FP16", result.as_numpy, scored(server, half))
    for coding in ("gzip", "deflate"):
        for binary in (True, False):
            outputs = [tritonclient.http.InferRequestedOutput(name, binary_data=binary) for name in ALL]
            result = client.infer(
                model,
                [tensors(tritonclient.http, array, binary=binary)],
                outputs=outputs,
                request_compression_algorithm=coding,
                response_compression_algorithm=coding,
            )
            same(f"tritonclient: {coding}", result.as_numpy, expected)
    batch, lengths = np.zeros((3, 300, WIDTH), np.float32), [300, 7, 120]
    for index, length in enumerate(lengths):
        batch[index, :length] = features.video(length, seed=50 + index)
        batch[index, length:] = np.nan
    outputs = [tritonclient.http.InferRequestedOutput(name) for name in ALL]
    given = [tensors(tritonclient.http, batch)]
    given.append(tensors(tritonclient.http, np.array(lengths, np.int64), "INT64", name="lengths"))
    result = client.infer(model, given, outputs=outputs)
    equal("tritonclient: a batch's shape", result.as_numpy("fine").shape[:2], (3, 300))
    for index, length in enumerate(lengths):
        own = scored(server, batch[index, :length])
        same(f"tritonclient: video {index} of a batch", result.as_numpy, own, (index, slice(length)))
        check("tritonclient: zeros behind it", not result.as_numpy("coarse")[index, length:].any())
    outputs = [tritonclient.http.InferRequestedOutput(name) for name in ("segments", "labels", "video")]
    asked = {"threshold": 0.3, "fps": 30, "min_snippets": 2}
    result = client.infer(model, [tensors(tritonclient.http, array)], outputs=outputs, parameters=asked)
    expected = scored(server, array, **asked)
    equal("tritonclient: segments", json.loads(result.as_numpy("segments")[0]), expected["segments"])
    equal("tritonclient: labels", [one.decode() for one in result.as_numpy("labels")], expected["fine"]["labels"])
    equal("tritonclient: video", json.loads(result.as_numpy("video")[0]), expected["video"])
    handles = [client.async_infer(model, [tensors(tritonclient.http, array)]) for _ in range(20)]
    found = {bits(handle.get_result().as_numpy("coarse")) for handle in handles}
    equal("tritonclient: twenty at once", found, {bits(expected["coarse"])})
    spoilt = array.copy()
    spoilt[3, 5] = np.nan
    for name, given, options, status, said in (
        ("NaN", spoilt, {}, "422", "column 5 of row 3 is NaN"),
        ("another width", array[:, :32].copy(), {}, "422", "rows are 32 wide"),
        ("an unknown version", array, {"model_version": "zzz"}, "404", "no version is"),
        ("an unknown parameter", array, {"parameters": {"treshold": 1}}, "422", "did you mean threshold?"),
        ("a sequence", array, {"sequence_id": 5, "sequence_start": True}, "422", "sequences"),
    ):
        try:
            client.infer(model, [tensors(tritonclient.http, given)], **options)
            check(f"tritonclient: {name} is refused", False)
        except InferenceServerException as error:
            equal(f"tritonclient: {name}: status", error.status(), status)
            contains(f"tritonclient: {name}", error.message(), said)
    client.close()


async def by_async_client(server, model):
    array = features.video(300, seed=9)
    expected = scored(server, array)
    async with tritonclient.http.aio.InferenceServerClient(f"{server.host}:{server.port}") as client:
        check("tritonclient.aio: ready", await client.is_model_ready(model))
        for binary in (True, False):
            outputs = [tritonclient.http.aio.InferRequestedOutput(name, binary_data=binary) for name in ALL]
            results = await asyncio.gather(
                *(
                    client.infer(model, [tensors(tritonclient.http.aio, array, binary=binary)], outputs=outputs)
                    for _ in range(8)
                )
            )
            for result in results:
                same(f"tritonclient.aio: {'bytes' if binary else 'JSON'}", result.as_numpy, expected)


with Server("--max-queued", "40") as server:
    model = requests.get(f"{server.url}/v1/models", timeout=60).json()["models"][0]["name"]
    path = f"{server.url}/v2/models/{model}/infer"
    if tritonclient is None:
        skip("tritonclient", "not installed (pip install 'tritonclient[http]')")
    else:
        with group("tritonclient"):
            by_client(server, model)
        with group("tritonclient.aio"):
            asyncio.run(by_async_client(server, model))
    with group("by hand"):
        array = features.video(40, seed=3)
        expected = scored(server, array)
        body = {"inputs": [{"name": "features", "shape": [40, WIDTH], "datatype": "FP32", "data": array.tolist()}]}
        answer = requests.post(path, json=body, timeout=60)
        found = {one["name"]: one for one in answer.json()["outputs"]}
        equal("JSON: coarse", bits(found["coarse"]["data"]), bits(expected["coarse"]))
        equal("JSON: it is compressed", answer.headers.get("Content-Encoding"), "gzip")
        packed = gzip.compress(json.dumps(body).encode())
        answer = requests.post(path, data=packed, headers={"Content-Encoding": "gzip"}, timeout=60)
        equal("JSON in gzip, without a type", answer.status_code, 200)
        begun = time.monotonic()
        for _ in range(20):
            requests.post(path, json=body, timeout=60)
        note(f"a request of 40 rows in JSON takes {(time.monotonic() - begun) * 50:.1f} ms")
        check(
            "jobs of requests are forgotten once they are answered",
            wait(lambda: len(jobs(server)) == scored.count),
            f"{len(jobs(server))} and not {scored.count}",
        )
    with group("errors"):
        for method, target, status in (
            ("GET", "/v2/nothing", 404),
            ("GET", "/v2/models/nothing", 404),
            ("DELETE", "/v2", 405),
            ("GET", f"/v2/models/{model}/infer", 405),
            ("PUT", f"/v2/models/{model}/infer", 405),
        ):
            answer = requests.request(method, server.url + target, timeout=60)
            equal(f"{method} {target}", answer.status_code, status)
            equal(f"{method} {target}: its form", list(answer.json()), ["error"])
        header = json.dumps(
            {
                "inputs": [
                    {
                        "name": "features",
                        "shape": [1 << 40, WIDTH],
                        "datatype": "FP32",
                        "parameters": {"binary_data_size": (1 << 40) * WIDTH * 4},
                    }
                ]
            }
        )
        lying = {"Inference-Header-Content-Length": str(len(header))}
        answer = requests.post(path, data=header.encode() + bytes(64), headers=lying, timeout=60)
        equal("a shape beyond any memory", (answer.status_code, list(answer.json())), (413, ["error"]))
        for value in ("-1", "x", "99999999999999999999", "0", "1, 2"):
            lying = {"Inference-Header-Content-Length": value}
            answer = requests.post(path, data=header.encode(), headers=lying, timeout=60)
            equal(f"a header of length {value}", (answer.status_code, list(answer.json())), (400, ["error"]))
        answer = requests.post(path, data=b"a=b", headers={"Content-Type": "multipart/form-data"}, timeout=60)
        equal("another type", (answer.status_code, list(answer.json())), (415, ["error"]))
    equal("the server ends well", server.stop(), 0)

with group("a client that goes away"), Server("--workers", "1", *slow.beside()) as server:
    # The one worker holds two at a time, and what comes after the third waits.
    big = features.npy(features.video(30_000))
    head = {"Content-Type": "application/x-npy", "Prefer": "wait=0"}
    before = [requests.post(f"{server.url}/score?model=slow", data=big, headers=head, timeout=60) for _ in range(3)]
    equal("long jobs first", {one.status_code for one in before}, {202})
    before = {one.json()["id"] for one in before}

    def others():
        return [job for job in jobs(server) if job["id"] not in before]

    model = requests.get(f"{server.url}/v1/models", timeout=60).json()["models"][0]["name"]
    array = features.video(30)
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": "features",
                    "shape": [30, WIDTH],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": array.nbytes},
                }
            ]
        }
    ).encode()
    with socket.create_connection((server.host, server.port), 60) as client:
        head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: localhost\r\n"
        head += (
            f"Inference-Header-Content-Length: {len(header)}\r\nContent-Length: {len(header) + array.nbytes}\r\n\r\n"
        )
        client.sendall(head.encode() + header + array.tobytes())
        check("its job waits", wait(lambda: [job["status"] for job in others()] == ["queued"]), others())
    check("its job is cancelled and forgotten", wait(lambda: others() == []), others())
    body = {
        "parameters": {"timeout": 50_000},
        "inputs": [{"name": "features", "shape": [30, WIDTH], "datatype": "FP32", "data": array.tolist()}],
    }
    answer = requests.post(f"{server.url}/v2/models/{model}/infer", json=body, timeout=60)
    equal("a timeout", (answer.status_code, list(answer.json())), (503, ["error"]))
    check("all that waited before still does", any(job["status"] == "queued" for job in jobs(server)))
    for one in before:
        requests.delete(f"{server.url}/jobs/{one}", timeout=60)

with group("the repository of models"):
    demo, folder = ROOT / "Sources/CResources/demo.safetensors", scratch()
    second = folder / "second.safetensors"
    second.write_bytes(demo.read_bytes())
    options = ("--model", f"first={demo}", "--model", f"second={second}")
    with Server(*options) as server:

        def ask(path, **body):
            return requests.post(f"{server.url}/v2/repository/{path}", json=body or None, timeout=30)

        def states(**body):
            return {one["name"]: one["state"] for one in ask("index", **body).json()}

        equal("both are ready", states(), {"first": "READY", "second": "READY"})
        equal("one is unloaded", ask("models/second/unload").status_code, 200)
        equal("and is not served", requests.get(f"{server.url}/v2/models/second", timeout=60).status_code, 404)
        answer = requests.get(f"{server.url}/v2/models/second/ready", timeout=60)
        equal("and is not ready", (answer.status_code, answer.json()["ready"]), (503, False))
        equal("which the index tells", states(), {"first": "READY", "second": "UNAVAILABLE"})
        equal("or leaves out", states(ready=True), {"first": "READY"})
        equal("one is loaded", ask("models/second/load").status_code, 200)
        equal("and is served again", states(), {"first": "READY", "second": "READY"})
        answer = ask("models/none/load")
        equal("one that is not known", (answer.status_code, list(answer.json())), (404, ["error"]))
        answer = ask("models/first/unload")
        equal("the default stays", (answer.status_code, list(answer.json())), (409, ["error"]))
        if tritonclient is not None:
            client = tritonclient.http.InferenceServerClient(f"{server.host}:{server.port}")
            client.unload_model("second")
            check("tritonclient: unloaded", not client.is_model_ready("second"))
            client.load_model("second")
            check("tritonclient: loaded", client.is_model_ready("second"))
            equal("tritonclient: index", len(client.get_model_repository_index()), 2)
            client.close()

with group("a server that leaves"), Server("--workers", "1", state="memory") as server:
    model = requests.get(f"{server.url}/v1/models", timeout=60).json()["models"][0]["name"]
    for _ in range(2):
        requests.post(f"{server.url}/score", data=big, headers={"Content-Type": "application/x-npy"}, timeout=60)
    answers = []
    body = {"inputs": [{"name": "features", "shape": [30, WIDTH], "datatype": "FP32", "data": array.tolist()}]}
    waiting = threading.Thread(
        target=lambda: answers.append(requests.post(f"{server.url}/v2/models/{model}/infer", json=body, timeout=60))
    )
    waiting.start()
    check("a request waits", wait(lambda: len(jobs(server)) == 3), jobs(server))
    equal("it ends well", server.stop(), 0)
    waiting.join()
    equal("and the request is answered", [one.status_code for one in answers], [200])

with group("keys"):
    folder = scratch()
    key = run("keys", "add", "alice", "--api-keys", folder / "keys.txt").out.strip()
    with Server("--api-keys", folder / "keys.txt") as server:
        answer = requests.get(f"{server.url}/v2", timeout=60)
        equal("no key", (answer.status_code, list(answer.json())), (401, ["error"]))
        check("the challenge is there", "Bearer" in answer.headers.get("WWW-Authenticate", ""))
        equal("health needs none", requests.get(f"{server.url}/v2/health/ready", timeout=60).json(), {"ready": True})
        own = {"Authorization": f"Bearer {key}"}
        equal("with the key", requests.get(f"{server.url}/v2", headers=own, timeout=60).status_code, 200)
finish()
