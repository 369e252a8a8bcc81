"""What a team's script does with azureml-core, unmodified. Runs in the SDK's own environment; prints one JSON object.

Each step is named by the SDK line that it proves. A step that raises ends the script with its traceback.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import mlflow
from azureml.core import Dataset, Datastore, Experiment, Model, Run, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.exceptions import ProjectSystemException
from azureml.pipeline.core import PipelineDraft, PublishedPipeline

SUBSCRIPTION, CLIENT, SECRET = sys.argv[1:]
FOLDER = Path(tempfile.mkdtemp(dir=os.environ["HOME"]))
found: dict[str, object] = {}


def workspace() -> Workspace:
    auth = ServicePrincipalAuthentication("adfs", CLIENT, SECRET)
    named = {"auth": auth, "subscription_id": SUBSCRIPTION, "resource_group": "freehold"}
    try:
        Workspace.get("missing", **named)
    except ProjectSystemException as fault:
        found["missing workspace"] = "not found" in str(fault).lower()
    return Workspace.get("default", **named)


def log_a_run(ws: Workspace) -> str:
    experiment = Experiment(ws, "sdk")
    run = experiment.start_logging(snapshot_directory=None)
    for step, loss in enumerate((0.5, 0.25, 0.125)):
        run.log("loss", loss, step=step)
    run.log("accuracy", 0.75)
    run.log_list("sizes", [1, 2, 3])
    run.tag("stage", "one")
    run.add_properties({"seed": "7"})
    (FOLDER / "weights.bin").write_bytes(b"weights of the sdk " * 1_000)
    run.upload_file("outputs/weights.bin", str(FOLDER / "weights.bin"))
    run.flush()
    run.complete()
    return str(run.id)


def read_it_back(ws: Workspace, run_id: str) -> None:
    run = Run.get(ws, run_id)
    found["status"] = run.get_status()
    found["metrics"] = run.get_metrics()
    found["tags"], found["properties"] = run.get_tags(), run.get_properties()
    found["files"] = run.get_file_names()
    run.download_file("outputs/weights.bin", str(FOLDER / "again.bin"))
    found["same bytes"] = (FOLDER / "again.bin").read_bytes() == (FOLDER / "weights.bin").read_bytes()
    found["runs"] = [each.id for each in Experiment(ws, "sdk").get_runs()]
    model = run.register_model("of-run", model_path="outputs/weights.bin")
    found["model of run"] = [model.name, model.version, model.run_id]


def register_models(ws: Workspace) -> None:
    for _ in range(2):
        Model.register(ws, str(FOLDER / "weights.bin"), "sdk-model", tags={"a": "b"})
    found["models"] = sorted([each.name, each.version, each.tags] for each in Model.list(ws, name="sdk-model"))
    path = Model(ws, "sdk-model").download(str(FOLDER / "downloaded"))
    found["model's bytes"] = Path(path).read_bytes() == (FOLDER / "weights.bin").read_bytes()
    Model(ws, "sdk-model", version=1).delete()
    found["models left"] = [each.version for each in Model.list(ws, name="sdk-model")]


def register_datastores(ws: Workspace) -> None:
    given = {"container_name": "raw", "account_name": "lake", "account_key": "Y2FuYXJ5"}
    Datastore.register_azure_blob_container(ws, "lake", skip_validation=True, **given)
    found["datastores"] = sorted(ws.datastores)
    found["account"] = Datastore.get(ws, "lake").account_name
    register_a_dataset(ws, Datastore.get(ws, "lake"))
    Datastore.get(ws, "lake").unregister()
    found["datastores left"] = sorted(ws.datastores)


def register_a_dataset(ws: Workspace, lake: Datastore) -> None:
    """Its reading is dataprep's own and needs the account; registering is the server's."""
    for path in ("pixels/one", "pixels/two"):
        files = Dataset.File.from_files((lake, path), validate=False)
        files.register(ws, "pixels", description="of digits", create_new_version=True)
    found["datasets"] = {name: each.version for name, each in Dataset.get_all(ws).items()}
    found["dataset"] = Dataset.get_by_name(ws, "pixels", version=1).description
    Dataset.get_by_name(ws, "pixels").unregister_all_versions()
    found["datasets left"] = list(Dataset.get_all(ws))


def log_by_the_plugin(ws: Workspace) -> None:
    """MLflow through azureml-mlflow, which puts the workspace's address and sign-in in MLflow's place."""
    mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())
    mlflow.set_experiment("plugin")
    with mlflow.start_run() as run:
        mlflow.log_param("depth", 3)
        mlflow.log_metric("loss", 0.5)
        mlflow.log_artifact(str(FOLDER / "weights.bin"))
    found["plugin's run"] = mlflow.get_run(run.info.run_id).data.to_dictionary()["metrics"]
    found["plugin's files"] = [each.path for each in mlflow.MlflowClient().list_artifacts(run.info.run_id)]


def list_pipelines(ws: Workspace) -> None:
    found["pipelines"] = len(PublishedPipeline.list(ws))
    found["drafts"] = len(PipelineDraft.list(ws))
    found["computes"] = list(ws.compute_targets)
    found["images and services"] = [len(ws.images), len(ws.webservices)]


def main() -> None:
    ws = workspace()
    run_id = log_a_run(ws)
    read_it_back(ws, run_id)
    register_models(ws)
    register_datastores(ws)
    log_by_the_plugin(ws)
    list_pipelines(ws)
    print(json.dumps(found | {"run": run_id}))


main()
