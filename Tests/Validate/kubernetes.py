"""What no schema of Kubernetes says: KEDA's own fields, and that probes, times and names of deploy/kubernetes fit together."""

import pathlib
import sys

import yaml
from cloudcoil.models.keda import v1alpha1
from manifests import expect, faults, known

folder = pathlib.Path(sys.argv[1])


def documents(name):
    return [one for one in yaml.safe_load_all((folder / name).read_text()) if one]


scaled = documents("keda.yaml")[0]
model = v1alpha1.ScaledObject.model_validate(scaled)
known(scaled, model.model_dump(by_alias=True, exclude_unset=True), "ScaledObject")

settings = yaml.safe_load(
    next(one for one in documents("vigil.yaml") if one["kind"] == "ConfigMap")["data"]["vigil.json"]
)
servers = [
    next(one for one in documents(name) if one["kind"] in ("Deployment", "StatefulSet"))
    for name in ("vigil.yaml", "statefulset.yaml")
]
for server in servers:
    pod = server["spec"]["template"]["spec"]
    container = pod["containers"][0]
    where = server["kind"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    expect(paths == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}, f"{where}: probes {paths}")
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pod["terminationGracePeriodSeconds"]
    expect(grace > settings["grace"] + before, f"{where}: {grace} s are not more than {settings['grace']} and {before}")
    expect(container["ports"][0]["containerPort"] == settings["port"], f"{where}: another port than the settings'")
    expect(container["securityContext"]["readOnlyRootFilesystem"], f"{where}: its root can be written")
    selector = server["spec"]["selector"]["matchLabels"]
    expect(selector.items() <= server["spec"]["template"]["metadata"]["labels"].items(), f"{where}: selects others")
expect(
    servers[0]["spec"]["template"]["spec"]["containers"] == servers[1]["spec"]["template"]["spec"]["containers"],
    "the Deployment's container is not the StatefulSet's",
)
adapter = yaml.safe_load((folder / "prometheus-adapter.yaml").read_text())["rules"]["custom"][0]["name"]["as"]
metric = documents("hpa.yaml")[0]["spec"]["metrics"][0]["pods"]["metric"]["name"]
expect(adapter == metric, f"hpa.yaml asks for {metric}, prometheus-adapter.yaml gives {adapter}")
sys.exit("\n".join(faults) or 0)
