"""What notifications say. Their texts name nothing: what they are about is joined in when they are read."""

INFORMATION, WARNING, ERROR = "Information", "Warning", "Error"
RUN, OPERATION, SERVICE = "Run", "Operation", "Service"

MESSAGES: dict[str, tuple[str, str, str]] = {
    "run completed": (INFORMATION, "Run completed", "The run has completed."),
    "run failed": (ERROR, "Run failed", "The run has failed. Its error is in its details."),
    "run canceled": (WARNING, "Run canceled", "The run was canceled."),
    "export succeeded": (INFORMATION, "Export ready", "The export is finished and can be downloaded."),
    "export failed": (ERROR, "Export failed", "The export has failed. The operation says why."),
    "import succeeded": (INFORMATION, "Import finished", "The import is finished."),
    "import failed": (ERROR, "Import failed", "The import has failed. The operation says why."),
    "erase succeeded": (INFORMATION, "Erasure finished", "What was asked for is erased. The certificate says how far."),
    "erase failed": (ERROR, "Erasure needs attention", "The erasure could not be finished. The operation says why."),
    "retention succeeded": (
        INFORMATION,
        "Erased by the retention policy",
        "What was due by the workspace's retention policy is erased. The certificate says how far.",
    ),
    "retention failed": (
        ERROR,
        "Retention needs attention",
        "What was due by the retention policy could not be erased. Nothing more is erased by it until that is mended.",
    ),
    "service unhealthy": (WARNING, "Service unhealthy", "The service was found unhealthy."),
    "service failed": (ERROR, "Service failed", "The service has failed."),
    "service unschedulable": (ERROR, "Service unschedulable", "No place was found to run the service."),
    "service healthy": (INFORMATION, "Service healthy", "The service is well again."),
}
"""Word → level, title, message. The words are stored: a word that was used once stays."""
