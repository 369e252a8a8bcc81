"""Faults in what is declared: records, links, rules, lints, spellings that the scanner knows."""

from tests.mutations.faults import Mutation

CATALOGUE = (
    "tests/house/test_catalogue_page.py::test_page_says_what_the_records_decide",
    "tests/house/test_catalogue.py::test_every_link_to_a_person_says_what_erasing_does",
    "tests/house/test_catalogue.py::test_personal_columns_name_the_column_that_links_to_the_person",
)
PAGE = CATALOGUE[:1]
MIGRATED = (
    "tests/house/test_catalogue.py::test_the_migrated_database_equals_the_catalogue[sqlite]",
    "tests/storage/test_migrations.py::test_a_fresh_database_equals_a_migrated_one[sqlite]",
)
LINTS = ("tests/house/test_lints.py::test_package_breaks_no_house_rule",)
SCANNER = ("tests/unit/scanner/test_spellings.py::test_spelling_is_found",)


def _in_runs(name: str, old: str, new: str, guards: tuple[str, ...] = CATALOGUE) -> Mutation:
    return Mutation(name, "records/runs.py", old, new, guards)


def _flip(name: str, file: str, old: str, new: str) -> Mutation:
    """Of a rule or a link: the schema stays as it was."""
    return Mutation(name, f"records/{file}", old, new, PAGE)


def _spelling(name: str, old: str, new: str = "") -> Mutation:
    return Mutation(f"the scanner does not know {name}", "lifecycle/scan/encodings.py", old, new, SCANNER)


_RUN = "    run_id = text(plain())\n    run_number"
_WORDS = '__import__("freehold.records.rules", fromlist="x")'
_SQL = '__import__("sqlalchemy")'
_TAGS = 'table="run_tags"'

SCHEMA = [
    _in_runs("a column that no migration makes", _RUN, f"    nickname = text(plain())\n{_RUN}", MIGRATED),
    _in_runs(
        "a column gone from its record", "    script_name = text(plain(), null=True, address=True)\n", "", MIGRATED
    ),
    _in_runs("an index that no migration makes", 'yield Index(None, "experiment_row", "row_id")', "pass", MIGRATED),
    _in_runs(
        "a column that may be null by its record only",
        "run_number = integer()",
        "run_number = integer(null=True)",
        MIGRATED,
    ),
    _in_runs("a text column without a rule", _RUN, f"    nickname = text()\n{_RUN}"),
    _in_runs("a shallow link that cannot be null", "LinkKind.SHALLOW, null=True", "LinkKind.SHALLOW"),
    _in_runs("a record without its table", f"{_TAGS}, ", ""),
    _in_runs("a record without its rules", f"{_TAGS}, rules=_CONTENT", _TAGS),
    _in_runs("a table claimed twice", _TAGS, 'table="run_parameters"'),
    _in_runs(
        "a foreign key past the rules", _RUN, f'    twin = {_SQL}.Column({_SQL}.ForeignKey("runs.row_id"))\n{_RUN}'
    ),
]
LINKS = [
    _in_runs(
        f"a new {kind} link", _RUN, f'    twin = link("members", LinkKind.{kind.upper()}, null=True)\n{_RUN}', PAGE
    )
    for kind in ("deep", "shallow", "refcount", "restrict", "decorrelate", "holds", "covers")
] + [
    _in_runs("a new retained link without its reason", _RUN, f'    twin = link("members", LinkKind.RETAIN)\n{_RUN}'),
    _flip("a shallow link made deep", "runs.py", "LinkKind.SHALLOW", "LinkKind.DEEP"),
    _flip(
        "a counted link made deep",
        "artifacts.py",
        '"stored_objects", LinkKind.REFCOUNT',
        '"stored_objects", LinkKind.DEEP',
    ),
    _flip("an author's link made deep", "runs.py", '"members", LinkKind.DECORRELATE', '"members", LinkKind.DEEP'),
    _flip("a copy's link made shallow", "lifecycle.py", '"runs", LinkKind.COVERS', '"runs", LinkKind.SHALLOW'),
    _flip("a hold's link made deep", "lifecycle.py", '"runs", LinkKind.HOLDS', '"runs", LinkKind.DEEP'),
    _flip("a member who goes with the person", "people.py", '"persons", LinkKind.SHALLOW', '"persons", LinkKind.DEEP'),
]
RULES = [
    _flip(
        "a run's rows outlive it",
        "runs.py",
        "Removed(), Writes",
        f'{_WORDS}.Retained("it may be useful", "none"), Writes',
    ),
    _flip(
        "certificates are removed",
        "lifecycle.py",
        '        Retained(\n            because="it proves',
        '        Removed() or Retained(\n            because="it proves',
    ),
    _flip(
        "secrets leave",
        "secrets.py",
        'Withheld(because="secrets never leave in an export: whoever held the bag would hold what they open")',
        f"{_WORDS}.Rows({_WORDS}.EVERYWHERE)",
    ),
    _flip(
        "holds leave",
        "lifecycle.py",
        'Withheld(because="a hold binds this server\'s operator, not whoever reads the bag")',
        f"{_WORDS}.Rows({_WORDS}.EVERYWHERE)",
    ),
    _flip(
        "the directory leaves",
        "people.py",
        'Withheld(because="the directory belongs to the server; a bag carries members, which are random ids")',
        "Rows(EVERYWHERE)",
    ),
    _flip("runs leave with everything", "runs.py", "Rows(HISTORY)", f"Rows({_WORDS}.EVERYWHERE)"),
    _flip("runs do not leave alone", "runs.py", "Rows(HISTORY)", f"Rows(HISTORY - {{{_WORDS}.Scope.RUN}})"),
    _flip("telemetry leaves with a run", "telemetry.py", "Rows(WORKSPACE_ONLY)", f"Rows({_WORDS}.HISTORY)"),
    _flip(
        "objects below another prefix",
        "artifacts.py",
        "object_key(plain(), prefix=OBJECTS)",
        'object_key(plain(), prefix="elsewhere")',
    ),
    _flip(
        "a growing table called append-only", "runs.py", "Removed(), Writes.GROWING", "Removed(), Writes.APPEND_ONLY"
    ),
    _flip("personal of a column that is not there", "people.py", 'personal(of="person_row")', 'personal(of="nobody")'),
    _flip(
        "a person's id called plain", "people.py", 'object_id = text(personal(of="row"))', "object_id = text(plain())"
    ),
    _flip("a person's name called plain", "people.py", 'sealed(personal(of="row"))', "sealed(plain())"),
    _flip("an alias of a person called plain", "people.py", 'text(personal(of="member_row"))', "text(plain())"),
    _flip(
        "a secret called plain",
        "secrets.py",
        'sealed(secret(because="it opens an account, a machine or a service"))',
        "sealed(plain())",
    ),
    _flip("a secret without a reason", "people.py", "argon2 hash of a client secret", ""),
]
SPELLINGS = [
    _spelling("hexadecimal", '    yield "hex-lower", value.hex().encode()\n'),
    _spelling("capital hexadecimal", '    yield "hex-upper", value.hex().upper().encode()\n'),
    _spelling("base64", "    yield from _base64(value)\n"),
    _spelling("base64 at every offset", "for offset in range(3)", "for offset in range(2)"),
    _spelling("percent signs", "    yield from _percent(value)\n"),
    _spelling("digests", "    yield from _digests(value)\n"),
    _spelling("bare UUIDs", "    yield from _uuid(text)\n"),
    _spelling("lower case", '    yield "lower", text.lower().encode()\n'),
    _spelling("capitals", '    yield "upper", text.upper().encode()\n'),
    _spelling("UTF-16, little end first", '    yield "utf-16le", text.encode("utf-16-le")\n'),
    _spelling("UTF-16, big end first", '    yield "utf-16be", text.encode("utf-16-be")\n'),
    _spelling("JSON's escapes", "    yield from _json(text)\n"),
    _spelling("SQL's quotes", "    yield from _sql(text)\n"),
    _spelling("HTML's entities", '    yield "html", html.escape(text, quote=True).encode()\n'),
]
HABITS = [
    Mutation(
        "a clock of its own", "lifecycle/plan.py", "FORMAT = 1\n", "FORMAT = 1\nimport time\nAT = time.time()\n", LINTS
    ),
    Mutation(
        "SQL outside queries",
        "domain/runs/service.py",
        "CONTAINER_PREFIX =",
        "GONE = 'DELETE FROM runs WHERE row_id = 1'\nCONTAINER_PREFIX =",
        LINTS,
    ),
]
MUTATIONS = [*SCHEMA, *LINKS, *RULES, *HABITS, *SPELLINGS]
SAMPLE = {
    "a column that no migration makes",
    "an author's link made deep",
    "secrets leave",
    "the scanner does not know base64",
}
