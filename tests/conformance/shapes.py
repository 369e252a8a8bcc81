"""What every document must have, by its type. Names: the clients and specifications of each generation."""

from typing import Any

OF_MODEL = """createdTime description id mimeType name properties unpack url version
        experimentName runId datasets createdBy framework frameworkVersion kvTags
        modifiedTime parentModelId derivedModelIds resourceRequirements"""
OF_IMAGE = """createdTime creationState description id imageLocation imageType modelIds name
        kvTags properties version assets driverProgram targetRuntime modifiedTime autoDelete
        imageFlavor error imageBuildLogUri operationId"""
OF_SERVICE = """id name description kvTags properties operationId state createdTime updatedTime
        error computeType createdBy"""
OF_RUN_2018 = """runNumber rootRunId experimentId createdUtc userId token tokenExpiryTimeUtc runId
        parentRunId status startTimeUtc endTimeUtc heartbeatEnabled runDefinition name
        description hidden runType properties scriptName target tags"""
OF_ENTITY = "Id Etag CreatedDate LastModifiedDate EntityStatus"
OF_IMAGE_2017 = """id name version description imageType computeResourceId createdTime creationState
        error imageBuildLogUri imageLocation manifest"""

FIELDS: dict[str, str] = {
    "workspace": "id name type location tags identity sku properties",
    "compute": "id name type location tags properties",
    "model": OF_MODEL,
    "asset": "id name description artifacts tags runid projectid meta properties createdTime",
    "image": OF_IMAGE,
    "service": OF_SERVICE,
    "experiment": "experimentId name description createdUtc tags",
    "run": OF_RUN_2018
    + """ options dataContainerId parentRunUuid rootRunUuid runUuid createdFrom createdBy
        cancelUri error warnings""",
    "metric": """runId metricId dataContainerId metricType createdUtc name description label numCells
        dataLocation cells schema""",
    "artifact": "artifactId origin container path etag createdTime",
    "task": """taskId taskType status createdUtc startTimeUtc endTimeUtc experimentName runId
        userObjectId userTenantId description progress error notifications""",
    "datastore": """name dataStoreType azureStorageSection azureDataLakeSection azureSqlDatabaseSection
        hasBeenValidated tags""",
    "pipeline run": OF_ENTITY
    + """ Description Status GraphId IsSubmitted HasErrors HasWarnings UploadState
        ParameterAssignments RunHistoryExperimentName PipelineId RunSource RunType
        TotalRunSteps ScheduleId""",
    "graph": OF_ENTITY + " ModuleNodes DatasetNodes Edges",
    "module": "Data Interface",
    "template": OF_ENTITY + " Name Description Version ExperimentId",
    "data source": OF_ENTITY + " Name Description DataTypeId UploadState DataLocation IdentifierHash Hash",
    "hosting account": "id name location type tags sku properties",
    "account": "id name location type tags properties",
    "cluster": "id name location type tags properties",
    "model of 2017": "id name version tags url mimeType description createdAt unpack",
    "manifest": """id name version description driverProgram assets modelIds modelType targetRuntime
        webserviceType createdTime""",
    "image of 2017": OF_IMAGE_2017,
    "service of 2017": """id name createdAt updatedAt state scoringUri image manifest models
        appInsightsEnabled autoScaler computeResource containerResourceReservation
        dataCollection maxConcurrentRequestsPerContainer numReplicas error""",
    "run of 2018": OF_RUN_2018,
    "asset of 2018": "assetId name currentVersion",
    "content": "contentUri origin container path",
    "job": """jobId taskType status createdUtc startTimeUtc endTimeUtc projectName runId
        userObjectId userTenantId description progress error notifications""",
}


def lacking(kind: str, document: Any) -> set[str]:
    """Fields that a document of this kind should have and has not."""
    assert isinstance(document, dict), f"a {kind} is an object, not {document!r}"
    return set(FIELDS[kind].split()) - document.keys()
