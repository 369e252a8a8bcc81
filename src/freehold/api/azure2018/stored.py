"""What this façade opens of the properties that it keeps of its containers. An import holds a bag to it."""

import msgspec

from freehold.domain.access.kinds import Kind
from freehold.lifecycle.imports.shapes import Data, OfKind, Shapes
from freehold.records.containers import Workspace


class _Account(msgspec.Struct, rename="camel"):
    storage_account: Data | None = None


class _ContainerService(msgspec.Struct, rename="camel"):
    orchestrator_properties: Data | None = None


class _Cluster(msgspec.Struct, rename="camel"):
    container_service: _ContainerService | None = None
    global_service_configuration: Data | None = None


SHAPES: Shapes = {
    Workspace.c.properties: OfKind(Workspace.c.kind, {Kind.EXPERIMENTATION_ACCOUNT: _Account, Kind.CLUSTER: _Cluster})
}
