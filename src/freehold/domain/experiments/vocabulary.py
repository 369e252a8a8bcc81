"""What an experiment can be searched and ordered by. Source of the names: the search syntax of MLflow."""

from freehold.kit.clauses import Ask, Kind, Vocabulary

EXPERIMENTS = Vocabulary(
    prefixes={
        **dict.fromkeys(("tag", "tags"), Kind.TAG),
        **dict.fromkeys(("attribute", "attributes", "attr"), Kind.ATTRIBUTE),
    },
    attributes={
        "name": Ask.TEXT,
        "experiment_id": Ask.IDENTITY,
        "creation_time": Ask.NUMBER,
        "last_update_time": Ask.NUMBER,
    },
    aliases={},
    orderable=frozenset({Kind.ATTRIBUTE}),
)
