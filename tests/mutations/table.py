"""Faults that somebody might make, each as one change of the source, and the guards that must see it."""

from typing import NamedTuple

CATALOGUE = (
    "tests/house/test_catalogue.py::test_the_migrated_database_equals_the_catalogue[sqlite]",
    "tests/house/test_catalogue.py::test_every_link_to_a_person_says_what_erasing_does",
    "tests/house/test_catalogue.py::test_personal_columns_name_the_column_that_links_to_the_person",
)


class Mutation(NamedTuple):
    """`old` stands at least once in `file`, below `src/freehold`; its first place becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    guards: tuple[str, ...]


_RUN = "    run_id = text(plain())\n    run_number"

MUTATIONS = [
    Mutation("a text column without a rule", "records/runs.py", _RUN, f"    nickname = text()\n{_RUN}", CATALOGUE),
    Mutation(
        "a shallow link that cannot be null",
        "records/runs.py",
        "LinkKind.SHALLOW, null=True",
        "LinkKind.SHALLOW",
        CATALOGUE,
    ),
    Mutation("a record without its table", "records/runs.py", 'table="run_tags", ', "", CATALOGUE),
    Mutation("a table claimed twice", "records/runs.py", 'table="run_tags"', 'table="run_parameters"', CATALOGUE),
    Mutation(
        "a person's link that is retained",
        "records/people.py",
        'link("persons", LinkKind.SHALLOW',
        'link("persons", LinkKind.REFCOUNT',
        CATALOGUE,
    ),
]
SAMPLE = {"a text column without a rule", "a table claimed twice"}
