"""Documents of templates. Fields: call 35."""

from typing import Any

from freehold.api.azure2020.pipeline_shapes import fields_of, head
from freehold.domain.pipelines import rules
from freehold.domain.pipelines.objects import ObjectView


def template_out(found: ObjectView) -> dict[str, Any]:
    """TemplateEntity. `ExperimentId` is the pipeline run that it was made of, while that stands."""
    said = {"Name": found.name, "ExperimentId": found.id_of(rules.PIPELINE_RUN)}
    return head(found) | said | fields_of(found.document, "Description", "Version")
