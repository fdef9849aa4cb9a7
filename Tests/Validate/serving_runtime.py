"""deploy/kubernetes/kserve.yaml by the classes of KServe's own package: each field is there and of its type, and what KServe asks
of names and values beside that. The containers are Kubernetes', and go to its validator as those of a pod."""

import ast
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

found = importlib.util.find_spec("kserve")
if found is None:
    sys.exit("needs kserve, of which only the files are read: pip install --no-deps kserve")
MODELS = pathlib.Path(found.origin).parent / "models"
folder = pathlib.Path(sys.argv[1])
faults, containers = [], []


def expect(holds, what):
    if not holds:
        faults.append(what)


def fields(kind):
    """The fields of a class of KServe's, with their types; nothing for one of Kubernetes' own."""
    file = MODELS / (re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower() + ".py")
    if not file.exists():
        return None
    tables = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("openapi_types", "attribute_map"):
            tables[node.targets[0].id] = ast.literal_eval(node.value)
    return {json_name: tables["openapi_types"][own] for own, json_name in tables["attribute_map"].items()}


def look(value, kind, path):
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        expect(isinstance(value, list), f"{path} is no list")
        for index, one in enumerate(value if isinstance(value, list) else []):
            look(one, listed[1], f"{path}[{index}]")
    elif mapped := re.fullmatch(r"dict\(str, (.*)\)", kind):
        for name, one in value.items():
            look(one, mapped[1], f"{path}.{name}")
    elif kind in ("str", "int", "bool"):
        expect(type(value).__name__ == kind, f"{path} is {value!r} and no {kind}")
    elif kind == "V1Container":
        containers.append(value)
    elif (known := fields(kind)) is not None:
        for name, one in value.items():
            expect(name in known, f"{path}.{name} is no field of {kind}")
            if name in known:
                look(one, known[name], f"{path}.{name}")


runtime, service = [one for one in yaml.safe_load_all((folder / "kserve.yaml").read_text()) if one]
expect(
    (runtime["apiVersion"], runtime["kind"]) == ("serving.kserve.io/v1alpha1", "ServingRuntime"), "no ServingRuntime"
)
expect(
    (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService"), "no InferenceService"
)
expect(fields("V1alpha1ServingRuntimeSpec") is not None, "KServe's classes were not found")
look(runtime, "V1alpha1ServingRuntime", "ServingRuntime")
look(service, "V1beta1InferenceService", "InferenceService")
spec = runtime["spec"]
expect([one["name"] for one in spec["containers"]] == ["kserve-container"], "KServe's container is kserve-container")
model = service["spec"]["predictor"]["model"]
formats = [(one["name"], one.get("version")) for one in spec["supportedModelFormats"]]
expect((model["modelFormat"]["name"], model["modelFormat"]["version"]) in formats, "the runtime has no such format")
expect(model["runtime"] == runtime["metadata"]["name"], "the service names another runtime")
expect(model["protocolVersion"] in spec["protocolVersions"], "the runtime does not speak the service's protocol")
other = [one for one in yaml.safe_load_all((folder / "vigil.yaml").read_text()) if one and one["kind"] == "Deployment"][
    0
]
usual = other["spec"]["template"]["spec"]["containers"][0]
own = containers[0] if containers else {}
for name in ("image", "resources"):
    expect(own.get(name) == usual[name], f"{name} is not that of the Deployment")
port = own.get("ports", [{}])[0].get("containerPort")
expect(f"--port={port}" in own.get("args", []), "the port is not that of the arguments")
if vigil := os.environ.get("VIGIL"):
    # What the program makes of the arguments, with a model that is here.
    demo = folder.parent.parent / "Sources/CResources/demo.safetensors"
    given = [
        one.replace("{{.Name}}", "ucf-crime").replace("/mnt/models/model.safetensors", str(demo)) for one in own["args"]
    ]
    said = subprocess.run([vigil, *given, "--print-config"], capture_output=True, text=True)
    expect(said.returncode == 0, f"vigil does not take the arguments: {said.stderr}")
for name in ("readinessProbe", "livenessProbe"):
    expect(own.get(name, {}).get("httpGet", {}).get("port") == port, f"{name} asks another port")
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "vigil"}, "spec": {"containers": containers}}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(pod, file)
    file.flush()
    said = subprocess.run(["kubernetes-validate", "--strict", file.name], capture_output=True, text=True)
    expect(said.returncode == 0, said.stdout + said.stderr)
sys.exit("\n".join(faults) or 0)
