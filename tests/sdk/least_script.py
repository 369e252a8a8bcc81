"""What the SDK makes of things that were made with as little said as is accepted. Prints one JSON object.

Each list, and each thing by its name: "" where the SDK understood it, its exception where it did not.
"""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from azureml.core import Dataset, Datastore, Experiment, Image, Model, Run, Webservice, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.compute import ComputeTarget

SUBSCRIPTION, CLIENT, SECRET = sys.argv[1:]
faults: dict[str, str] = {}
seen: dict[str, Any] = {}


def look(what: str, how: Callable[[], Any]) -> Any:
    try:
        found = how()
    except Exception:
        faults[what] = traceback.format_exc(limit=-3)
        return None
    faults[what] = ""
    return found


def look_at_lists(ws: Workspace) -> None:
    for what in ("images", "webservices", "compute_targets", "datastores", "datasets", "models"):
        seen[what] = sorted(look(f"ws.{what}", lambda: getattr(ws, what)) or {})  # noqa: B023 - called at once
    look("Webservice.list", lambda: Webservice.list(ws))
    look("Webservice.list ACI", lambda: Webservice.list(ws, compute_type="ACI"))
    look("Image.list", lambda: Image.list(ws))
    look("Model.list", lambda: Model.list(ws))
    look("Dataset.get_all", lambda: dict(Dataset.get_all(ws)))
    look("Experiment.list", lambda: list(Experiment.list(ws)))


def look_at_each(ws: Workspace) -> None:
    for name in seen["webservices"]:
        service = look(f"service {name}", lambda: Webservice(ws, name))  # noqa: B023 - called at once
        if service is not None:
            look(f"serialized {name}", service.serialize)
    for name in seen["compute_targets"]:
        target = look(f"compute {name}", lambda: ComputeTarget(ws, name))  # noqa: B023 - called at once
        if target is not None:
            look(f"serialized {name}", target.serialize)
    for name in seen["datastores"]:
        look(f"datastore {name}", lambda: Datastore.get(ws, name))  # noqa: B023 - called at once
    look("model", lambda: Model(ws, "least").serialize())
    look("image", lambda: Image(ws, "least").serialize())
    look("requirements", lambda: requirements(ws))


def requirements(ws: Workspace) -> None:
    for name in ("leastaci", "partly-aci", "leastaks", "partly-aks"):
        wanted = Webservice(ws, name).container_resource_requirements
        seen[f"requirements {name}"] = [wanted.cpu, wanted.memory_in_gb]
    seen["scaler"] = vars(Webservice(ws, "partly-aks").autoscaler)
    seen["scale"] = vars(ComputeTarget(ws, "partly").scale_settings)


def look_at_the_run(ws: Workspace) -> None:
    run = look("Run.get", lambda: Run.get(ws, "least"))
    for verb in ("get_details", "get_metrics", "get_tags", "get_properties", "get_file_names", "get_status"):
        look(f"run.{verb}", getattr(run, verb))
    look("run.get_children", lambda: list(run.get_children()))
    look("run.get_environment", run.get_snapshot_id)
    look("runs", lambda: list(run.experiment.get_runs()))


def main() -> None:
    auth = ServicePrincipalAuthentication("adfs", CLIENT, SECRET)
    ws = Workspace.get("default", auth=auth, subscription_id=SUBSCRIPTION, resource_group="freehold")
    look_at_lists(ws)
    look_at_each(ws)
    look_at_the_run(ws)
    print(json.dumps({"faults": faults, "seen": seen}))


main()
