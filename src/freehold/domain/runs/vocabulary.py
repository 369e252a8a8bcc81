"""What a run can be searched and ordered by. Source of the names: MLflow's search syntax for runs.

Left out: `artifact_uri`, which is made from the ids when a run is printed, and datasets.
"""

from freehold.kit.clauses import Ask, Kind, Vocabulary

RUNS = Vocabulary(
    prefixes={
        **dict.fromkeys(("metric", "metrics"), Kind.METRIC),
        **dict.fromkeys(("param", "params", "parameter", "parameters"), Kind.PARAM),
        **dict.fromkeys(("tag", "tags"), Kind.TAG),
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), Kind.ATTRIBUTE),
    },
    attributes={
        "run_id": Ask.TEXT_OR_LIST,
        "run_name": Ask.TEXT,
        "status": Ask.TEXT,
        "user_id": Ask.TEXT,
        "start_time": Ask.NUMBER,
        "end_time": Ask.NUMBER,
    },
    aliases={
        **dict.fromkeys(("created", "Created"), "start_time"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
    },
    orderable=frozenset(Kind),
)
