"""Faults in what is added to a house that works: a query for all columns, a new place for files, a new log field."""

from tests.mutations.faults import Mutation

LINTS = ("tests/house/test_lints.py::test_package_breaks_no_house_rule",)
LOGS = ("tests/unit/test_logs.py",)
FILES = ("tests/system/test_places.py",)
BAGS = "tests/lifecycle/export/test_bags.py::test_"


def _lint(name: str, file: str, old: str, new: str) -> Mutation:
    return Mutation(name, file, old, new, LINTS)


_FIELDS = 'extra={"operation_id": operation_id, "code": fault.code}'
_FAULT = 'extra={"fault": type(fault).__name__}'

COLUMNS = [
    _lint(
        "an export asks for all columns",
        "lifecycle/tables.py",
        'columns = [field.source.label(f"c{number}") for number, field in enumerate(self.fields)]',
        'columns = [sa.literal_column("*")]',
    ),
    _lint(
        "an export asks for all columns in words",
        "lifecycle/export_plan.py",
        "FORMAT = 1\n",
        'FORMAT = 1\nALL = "SELECT * FROM runs WHERE workspace_id = :here"\n',
    ),
    _lint(
        "a query asks for all columns of one table",
        "domain/whole/queries.py",
        "Chosen = ",
        'ALL = "SELECT DISTINCT r.* FROM runs AS r"\nChosen = ',
    ),
    _lint(
        "a query makes JSON of whole rows in words",
        "domain/whole/queries.py",
        "Chosen = ",
        'ALL = "SELECT to_jsonb(r) FROM runs AS r"\nChosen = ',
    ),
    _lint(
        "a query makes JSON of whole rows",
        "domain/whole/queries.py",
        "Chosen = ",
        "ALL = sa.func.row_to_json(Run.table.table_valued())\nChosen = ",
    ),
    _lint(
        "an answer shows whole rows",
        "api/replies.py",
        "_ENCODER.encode(document)",
        '_ENCODER.encode(dict(getattr(document, "_mapping", document._mapping)))',
    ),
    _lint(
        "an answer shows whole views",
        "api/replies.py",
        "_ENCODER.encode(document)",
        "_ENCODER.encode(document._asdict())",
    ),
]
PLACES = [
    _lint("spools elsewhere", "lifecycle/spool.py", 'data_folder / "spools"', 'data_folder / "scratch"'),
    _lint("bags elsewhere", "lifecycle/spool.py", 'data_folder / "exports"', 'data_folder / "bags"'),
    _lint("imports elsewhere", "lifecycle/uploads.py", 'FOLDER = "imports"', 'FOLDER = "incoming"'),
    _lint("objects elsewhere", "storage/cloud/places.py", 'OBJECT_FOLDER = "store"', 'OBJECT_FOLDER = "blobs"'),
    _lint("a lock elsewhere", "app.py", 'LOCK_FILE = "server.lock"', 'LOCK_FILE = "server.pid"'),
    Mutation(
        "a file beside the database",
        "app.py",
        "with (settings.data_folder / LOCK_FILE)",
        'settings.data_folder.joinpath("notes.txt").write_text("x")\n    with (settings.data_folder / LOCK_FILE)',
        FILES,
    ),
    Mutation(
        "a cache below the store",
        "domain/artifacts/service.py",
        'object_key = f"{OBJECTS}/{new_id[-2:]}/{new_id}"',
        'object_key = f"previews/{new_id[-2:]}/{new_id}"',
        FILES,
    ),
    _lint("a place that nobody declares any more", "records/places.py", '("spools/*",)', '("spool/*",)'),
    Mutation(
        "a place that is not searched",
        "records/places.py",
        '"temporary files", (f"{TEMPORARY}/*",), "what a child sorts", True, "with the child, for they have no names"',
        '"temporary files", (f"{TEMPORARY}/*",), "parts", False, "at the end of what made them", "they are small"',
        ("tests/lifecycle/erase/test_erasing.py::test_residue_anywhere_blocks_verified",),
    ),
    Mutation(
        "a place that is not searched, without a reason",
        "records/places.py",
        '"what a child sorts", True',
        '"what a child sorts", False',
        FILES,
    ),
]
FIELDS = [
    _lint(
        "a log line with a name",
        "operations/runner.py",
        _FIELDS,
        'extra={"operation_id": operation_id, "code": fault.code, "name": fault.code}',
    ),
    _lint("a log line with the fault's message", "operations/runner.py", _FIELDS, 'extra={"code": fault.message}'),
    _lint("a log line with the fault's words", "storage/writer.py", _FAULT, 'extra={"fault": str(fault)}'),
    _lint("a log line with the fault's trace", "storage/writer.py", _FAULT, "exc_info=True"),
    _lint(
        "a log line made on the spot",
        "storage/writer.py",
        '"what follows a commit failed", extra',
        'f"{action} failed", extra',
    ),
    _lint("a log line with arguments", "app.py", 'log.info("stopped")', 'log.info("stopped %s", services)'),
    _lint("a log line with the request's address", "api/errors.py", '"route": route,', '"path": call.request.url,'),
    _lint(
        "a log line with the address in place of the template",
        "api/errors.py",
        '{"route": route,',
        '{"route": call.request.url.path,',
    ),
    _lint("a fault logged as it speaks", "lifecycle/probes.py", "log.warning(", "log.exception("),
    Mutation("a log line shows what nobody declared", "kit/logs.py", "if key in FIELDS}", "if key != 'msg'}", LOGS),
]
MUTATIONS = [*COLUMNS, *PLACES, *FIELDS]
SAMPLE = {"an export asks for all columns", "spools elsewhere", "a log line with a name"}
