"""openapi.yaml's examples: each is what its schema says, what can be sent is sent, and what comes back has the example's fields."""

import json
import shutil
import struct
import warnings

from support.harness import ROOT, check, equal, finish, group, need, scratch, skip

need("examples", "numpy", "requests", "yaml", "jsonschema")

import jsonschema  # noqa: E402
import requests  # noqa: E402
import yaml  # noqa: E402

from support import features  # noqa: E402
from support.process import Server  # noqa: E402

# Newer versions have another way, which Debian's does not have.
warnings.simplefilter("ignore", DeprecationWarning)
API = yaml.safe_load((ROOT / "openapi.yaml").read_text())
SCHEMAS = API["components"]["schemas"]
METHODS = ("get", "post", "put", "patch", "delete")
BODY = features.npy(features.video(20))
NPY = {"Content-Type": "application/x-npy"}
WAIT = {"Prefer": "wait=60"}
# What would be sent to somebody, or is another test's, by parameter.
NOT_SENT = {"callback": "the server would call it", "Content-Encoding": "the body is not compressed"}


def resolved(node):
    while isinstance(node, dict) and "$ref" in node:
        target = API
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def problems(value, schema):
    validator = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", API))
    return [error.message[:200] for error in validator.iter_errors(value)]


def examples(node, path=""):
    """(path, example, schema) of all that stand in the document."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from examples(item, f"{path}/{index}")
    if not isinstance(node, dict):
        return
    if "example" in node and ("schema" in node or "type" in node or "anyOf" in node or "oneOf" in node):
        yield path, node["example"], node.get("schema", node)
    if isinstance(node.get("examples"), list):
        for example in node["examples"]:
            yield path, example, node
    for key, item in node.items():
        if key not in ("example", "examples", "enum", "default"):
            yield from examples(item, f"{path}/{key}")


def missing(example, answer, path=""):
    """What the example has and the answer does not."""
    if isinstance(example, dict) and isinstance(answer, dict):
        for key, item in example.items():
            if key in answer:
                yield from missing(item, answer[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}"
    elif isinstance(example, list) and isinstance(answer, list) and example and answer:
        yield from missing(example[0], answer[0], f"{path}/0")


with group("each example is of its schema"):
    found = list(examples(API))
    check("there are many", len(found) > 60, str(len(found)))
    for path, example, schema in found:
        wrong = problems(example, schema)
        check(path, not wrong, "; ".join(wrong))

with group("each parameter, body and answer in JSON has one"):
    for path, item in API["paths"].items():
        for method in (one for one in METHODS if one in item):
            operation = item[method]
            for parameter in map(resolved, operation.get("parameters", [])):
                has = any(key in parameter or key in resolved(parameter["schema"]) for key in ("example", "enum", "examples"))
                check(f"{method} {path}: {parameter['name']}", has or parameter["schema"].get("type") in ("integer", "boolean"))
            contents = [operation.get("requestBody", {}), *map(resolved, operation["responses"].values())]
            for content in contents:
                kind = content.get("content", {}).get("application/json")
                schemas = [] if kind is None else kind["schema"].get("oneOf", [kind["schema"]])
                for schema in schemas:
                    check(f"{method} {path}: JSON", "example" in kind or "example" in resolved(schema) or schema == {"type": "object"})


def second(path):
    """The embedded model with another digest: the head of the file has spaces behind it."""
    data = (ROOT / "Sources/CResources/demo.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    head = data[8 : 8 + length] + b" " * 64
    path.write_bytes(struct.pack("<Q", len(head)) + head + data[8 + length :])
    return path


models = scratch()
shutil.copyfile(ROOT / "Sources/CResources/demo.safetensors", models / "ucf-crime.safetensors")
second(models / "xd-violence.safetensors")
with Server("--models", models, "--upload-ttl", "600") as server:
    digest = next(one for one in requests.get(f"{server.url}/v1/models").json()["models"] if one["name"] == "ucf-crime")["sha256"]
    made = requests.post(f"{server.url}/score?fps=30", data=BODY, headers={**NPY, **WAIT}).json()["id"]

    def own(value):
        """The example with this server's own digest and job in the place of those that stand there."""
        text = json.dumps(value)
        for old in {SCHEMAS["Job"]["example"]["model_sha256"][:8], "3f2a"}:
            text = text.replace(f'"{old}"', f'"{digest[:8]}"').replace(f"@{old}", f"@{digest[:8]}")
        return json.loads(text)

    with group("each parameter of /score is taken"):
        video = shutil.which("ffmpeg") and requests.get(f"{server.url}/v1/server").json()["videos"]["taken"]
        for parameter in map(resolved, API["paths"]["/score"]["post"]["parameters"]):
            name = parameter["name"]
            if name in NOT_SENT or "example" not in parameter:
                continue
            value = own(parameter["example"])
            body, query, fields = BODY, {}, dict(NPY)
            if name in ("pool", "cadence", "tail", "thumbnails"):
                if not video:
                    skip(name, "needs ffmpeg and bubblewrap")
                    continue
                body, fields = (ROOT / "deploy/demo/sample.mp4").read_bytes(), {"Content-Type": "video/mp4"}
                query["validate_only"] = "true"
            if parameter["in"] == "header":
                fields[name] = str(value)
            else:
                query[name] = json.dumps(value) if isinstance(value, bool) else value
            if name == "leave":
                query["threshold"] = 0.6
            answer = requests.post(f"{server.url}/score", params=query, data=body, headers=fields)
            check(f"{name}={value}", answer.status_code in (200, 202), f"{answer.status_code} {answer.text[:300]}")

    with group("each parameter of what scores again, and of what cuts anew, is taken"):
        for path, method in (("/jobs/{id}/again", "post"), ("/jobs/{id}", "get")):
            for parameter in map(resolved, API["paths"][path][method]["parameters"]):
                if parameter["in"] == "query" and parameter["name"] not in NOT_SENT:
                    value = own(parameter["example"])
                    query = {parameter["name"]: json.dumps(value) if isinstance(value, bool) else value}
                    answer = requests.request(method, f"{server.url}{path.replace('{id}', made)}", params=query)
                    check(f"{path}: {parameter['name']}={value}", answer.status_code in (200, 202), f"{answer.status_code} {answer.text[:300]}")

    with group("each parameter of /jobs is taken"):
        for parameter in map(resolved, API["paths"]["/jobs"]["get"]["parameters"]):
            if parameter["in"] == "query":
                value = own(parameter.get("example", 20))
                answer = requests.get(f"{server.url}/jobs", params={parameter["name"]: value})
                check(f"{parameter['name']}={value}", answer.status_code == 200, answer.text[:300])

    def sent(method, path, schema, answer_schema, status=200, example=None, fields=None):
        """Sends a body's example; the answer has what its own example has, and is of its schema."""
        if example is None and schema is not None:
            example = SCHEMAS[schema]["example"]
        name = f"{method} {path} {schema or ''}"
        with group(name):
            content = {} if example is None else {"json": own(example)}
            answer = requests.request(method, server.url + path, headers={**WAIT, **(fields or {})}, **content)
            if not check(f"{name}: {status}", answer.status_code == status, f"{answer.status_code} {answer.text[:300]}"):
                return
            got, wanted = answer.json(), SCHEMAS[answer_schema]
            equal(f"{name}: of its schema", problems(got, wanted), [])
            equal(f"{name}: has what {answer_schema}'s example has", list(missing(wanted["example"], got)), [])

    sent("POST", "/score", "FeatureRows", "Job", fields={"Prefer": "wait=60"})
    sent("POST", "/score?compare=xd-violence", "FeatureRows", "Comparison")
    sent("POST", "/score?model=ucf-crime,xd-violence", "FeatureRows", "Batch")
    sent("POST", "/score?validate_only=true", "FeatureRows", "FeatureReport")
    sent("GET", f"/jobs/{made}", None, "Job")
    sent("GET", f"/jobs/{made}?threshold=0.4", None, "Job")
    sent("POST", f"/jobs/{made}/again?threshold=0.4", None, "Job")
    sent("PUT", f"/jobs/{made}/verdicts", "NewVerdicts", "Verdicts", fields={"If-Match": '"0"'})
    sent("GET", f"/jobs/{made}/verdicts", None, "Verdicts")
    sent("GET", "/session", None, "Session")
    sent("GET", "/jobs?limit=1", None, "JobList")
    sent("GET", "/v1/models", None, "Models")
    sent("GET", "/v1/server", None, "Server")
    sent("GET", "/problems", None, "ProblemTypes", fields={"Accept": "application/json"})
    sent("GET", "/problems/backlog-full", None, "ProblemType", fields={"Accept": "application/json"})
    for path in ("/livez", "/readyz", "/healthz"):
        sent("GET", path, None, "Health")
    sent("GET", "/v2", None, "InferenceServer")
    sent("GET", "/v2/health/live", None, "InferenceLive")
    sent("GET", "/v2/health/ready", None, "InferenceReady")
    sent("GET", "/v2/models/ucf-crime", None, "InferenceModel")
    sent("GET", "/v2/models/ucf-crime/ready", None, "InferenceModelReady")
    sent("GET", "/v2/models/none", None, "InferenceError", 404)
    sent("POST", "/v2/models/ucf-crime/infer", "InferenceRequest", "InferenceAnswer")
    sent("POST", "/v2/repository/index", "InferenceRepositoryRequest", "InferenceRepository")
    sent("POST", "/v1/models/ucf-crime/load", "ModelWish", "Model")
    for path, schema in (("ucf-crime/load", "InferenceRepositoryLoad"), ("xd-violence/unload", "InferenceRepositoryUnload")):
        answer = requests.post(f"{server.url}/v2/repository/models/{path}", json=own(SCHEMAS[schema]["example"]))
        equal(f"{schema} is taken", answer.status_code, 200)
finish()
