"""What kubectl makes of deploy/postgres, on standard input: Kubernetes' own schema, KEDA's, and that its names fit together."""

import pathlib
import subprocess
import sys
import tempfile

import yaml
from cloudcoil.models.keda import v1alpha1
from manifests import expect, faults, known

documents = [one for one in yaml.safe_load_all(sys.stdin) if one]
by_kind = {(one["kind"], one["metadata"]["name"]): one for one in documents}
own = [one for one in documents if not one["apiVersion"].startswith("keda.sh/")]
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "overlay.yaml"
    file.write_text(yaml.safe_dump_all(own))
    ran = subprocess.run(["kubernetes-validate", "--strict", str(file)], capture_output=True, text=True)
    expect(ran.returncode == 0, ran.stdout + ran.stderr)
for kind in ("ScaledObject", "TriggerAuthentication"):
    for (found, name), one in by_kind.items():
        if found == kind:
            model = getattr(v1alpha1, kind).model_validate(one)
            known(one, model.model_dump(by_alias=True, exclude_unset=True), f"{kind} {name}")

deployment = by_kind["Deployment", "vigil"]["spec"]
pod = deployment["template"]["spec"]
container = pod["containers"][0]
expect("replicas" not in deployment, "the Deployment says how many there are, and so does KEDA")
expect(deployment["strategy"]["type"] == "RollingUpdate", "the Deployment ends its server before the next begins")
expect(not any(kind == "PersistentVolumeClaim" for kind, _ in by_kind), "there is a volume for jobs")
expect({one["name"] for one in pod["volumes"]} == {"config", "scratch"}, f"volumes {pod['volumes']}")
mounted = {one["name"] for one in container["volumeMounts"]}
expect(mounted == {"config", "scratch"}, f"mounted are {mounted}")
expect(container["securityContext"]["readOnlyRootFilesystem"], "its root can be written")
settings = by_kind["ConfigMap", "vigil"]["data"]["vigil.json"]
expect('"state"' not in settings, "the settings name a folder")
for (kind, name), one in by_kind.items():
    if kind in ("Deployment", "Job"):
        maps = {
            source["configMap"]["name"]
            for volume in one["spec"]["template"]["spec"].get("volumes", [])
            for source in [volume, *volume.get("projected", {}).get("sources", [])]
            if "configMap" in source
        }
        for missing in [found for found in maps if ("ConfigMap", found) not in by_kind]:
            expect(False, f"{kind} {name}: there is no ConfigMap {missing}")
        selector = one["spec"].get("selector", {}).get("matchLabels", {})
        expect(selector.items() <= one["spec"]["template"]["metadata"]["labels"].items(), f"{kind} {name}: selects others")
    if kind == "Service" and "selector" in one["spec"]:
        chosen = [
            other for (of, _), other in by_kind.items()
            if of == "Deployment" and one["spec"]["selector"].items() <= other["spec"]["template"]["metadata"]["labels"].items()
        ]
        expect(len(chosen) == 1, f"Service {name} chooses {len(chosen)} Deployments")
target = by_kind["ScaledObject", "vigil"]["spec"]["scaleTargetRef"]
expect((target["kind"], target["name"]) in by_kind, f"KEDA scales {target}")
state = next(one["value"] for one in container["env"] if one["name"] == "VIGIL_STATE")
expect(("Service", state.split("@")[1].split(":")[0]) in by_kind, f"{state} is no Service")
sys.exit("\n".join(faults) or 0)
