"""Every noun of these façades: importing this module declares their routes."""

from freehold.api.azure2018 import (
    containers,
    hosting_images,
    hosting_manifests,
    hosting_models,
    hosting_services,
    project_artifacts,
    project_assets,
    project_jobs,
    project_runs,
)
from freehold.api.azure2018.facade import clusters, hosting, projects, providers
from freehold.api.routing import Facade

FACADES: list[Facade] = [providers, clusters, hosting, projects]

__all__ = [
    "FACADES",
    "containers",
    "hosting_images",
    "hosting_manifests",
    "hosting_models",
    "hosting_services",
    "project_artifacts",
    "project_assets",
    "project_jobs",
    "project_runs",
]
