"""Faults in what is done: storage, erasure, proof, export, doors."""

from tests.mutations.faults import Mutation

ERASING = "tests/lifecycle/erase/test_erasing.py::test_"
DOORS = ("tests/house/test_routes.py::test_anonymous_routes_are_those_listed",)
PRAGMAS = ("tests/storage/test_group_commit.py::test_the_pragmas_hold_on_every_connection[pysqlite3]",)
HIDING = "tests/domain/test_hidden.py::test_what_is_hidden_is_in_no_list"
FORGOTTEN = ("tests/domain/test_runs.py::test_an_erased_id_does_not_come_back[sqlite]",)


def _erasing(name: str, file: str, old: str, new: str, guard: str) -> Mutation:
    return Mutation(name, f"lifecycle/{file}", old, new, (f"{ERASING}{guard}",))


def _hiding(where: str, old: str, new: str = "") -> Mutation:
    """The filter that leaves out what is being erased, dropped."""
    return Mutation(f"what is hidden is listed: {where}", f"domain/{where}/queries.py", old, new, (HIDING,))


STORAGE = [
    Mutation("deleted bytes are not wiped", "storage/portable.py", '    "PRAGMA secure_delete=ON",\n', "", PRAGMAS),
    Mutation("links are not enforced", "storage/portable.py", '    "PRAGMA foreign_keys=ON",\n', "", PRAGMAS),
    Mutation(
        "the forget list is not consulted",
        "domain/forgetting/service.py",
        "    if is_forgotten(db, kind, container, id_):",
        "    if False:",
        FORGOTTEN,
    ),
]
ERASURE = [
    _erasing(
        "nothing is hidden",
        "erase.py",
        "    hide(db, workspace, plan, forget_days)\n",
        "",
        "hidden_before_anything_is_removed",
    ),
    _erasing(
        "nothing is forgotten",
        "erase.py",
        "            _forget(db, reach.root, home.public_id, ids, forget_days)\n",
        "            pass\n",
        "erased_ids_stay_gone",
    ),
    _erasing(
        "who is asked is not checked",
        "erase.py",
        "    allow(db, actor, Action.ERASE, workspace)\n",
        "",
        "stranger_may_not_erase",
    ),
    _erasing(
        "a changed plan is carried out",
        "erase.py",
        "expected is not None and expected != plan.digest",
        "False",
        "plan_that_changed_is_not_carried_out",
    ),
    _erasing(
        "what is needed goes all the same",
        "erase.py",
        "    if plan.conflicts:",
        "    if False:",
        "what_is_still_needed_is_named_and_stays",
    ),
    _erasing(
        "evidence is kept",
        "erase.py",
        "    _sealed(context, _keys(context)).destroy()",
        "    return",
        "evidence_and_its_key_are_destroyed",
    ),
    _erasing(
        "the key of the evidence is kept",
        "evidence.py",
        "        self._keys.operations.destroy(self._operation_id)\n",
        "",
        "evidence_and_its_key_are_destroyed",
    ),
    _erasing(
        "copies are not withdrawn",
        "reach.py",
        "        return self._bound_by(LinkKind.COVERS)",
        "        return iter(())",
        "copies_that_hold_it_go_first",
    ),
    _erasing(
        "copies of the whole workspace are kept",
        "reach.py",
        "sa.or_(whole, *parts)",
        "sa.or_(sa.false(), *parts)",
        "copies_that_hold_it_go_first",
    ),
    Mutation(
        "what a bag names is not noted",
        "lifecycle/export.py",
        "told[REFERENCES]))",
        "{}))",
        ("tests/azure2020/test_kept_bags.py::test_a_bag_goes_with_what_it_names[a_run_below_another_parent]",),
    ),
    Mutation(
        "only what a bag refers to itself is noted",
        "lifecycle/references.py",
        "    while new:\n",
        "    for _ in (0,):\n",
        ("tests/lifecycle/export/test_references.py::test_all_that_is_referred_to_is_found_however_far_away[sqlite]",),
    ),
    Mutation(
        "an export names what has gone",
        "lifecycle/references.py",
        "            _require_standing(db, catalogue()[name], keys)\n",
        "",
        (
            "tests/lifecycle/export/test_references.py::"
            "test_an_export_that_names_what_has_gone_meanwhile_stops[sqlite-hidden]",
        ),
    ),
    Mutation(
        "a hold binds one link up",
        "lifecycle/reach.py",
        "                yield from self._above(owner, theirs)\n",
        "",
        ("tests/lifecycle/test_every_scope.py::test_a_hold_holds_whatever_a_bag_of_it_holds",),
    ),
    Mutation(
        "a workspace is erased by any id",
        "lifecycle/targets.py",
        "root_id is not None and not _is_called",
        "root_id is not None and False and _is_called",
        ("tests/lifecycle/test_plans.py::test_a_workspace_that_is_called_otherwise_is_not_meant",),
    ),
]
PROOF = [
    Mutation(
        "the level is a word",
        "lifecycle/certificate.py",
        '"level": proof.level',
        '"level": "verified"',
        ("tests/lifecycle/erase/test_levels.py",),
    ),
    Mutation(
        "the highest level counts",
        "lifecycle/levels.py",
        "return min(",
        "return max(",
        ("tests/lifecycle/erase/test_levels.py",),
    ),
]
HIDDEN = [
    _hiding("listing", ", _e.hidden_at.is_(None))", ")"),
    _hiding("search", ", _e.hidden_at.is_(None))", ")"),
    _hiding("runs", "sa.and_(_r.hidden_at.is_(None), ", "sa.and_("),
    _hiding("experiments", "_e.hidden_at.is_(None),"),
    _hiding("documents", ".where(table.c.hidden_at.is_(None))"),
    _hiding("whole", "c.row_id > after, chosen)", "c.row_id > after)"),
]
ACCESS = [
    Mutation(
        "a door for everybody",
        "api/freehold/certificates.py",
        '{{operation}}", SignedIn()',
        '{{operation}}", Anonymous(because="nobody asks for a token")',
        DOORS,
    ),
    Mutation(
        "a route without a rule", "api/freehold/certificates.py", '{{operation}}", SignedIn()', '{{operation}}"', DOORS
    ),
    Mutation(
        "a log line with what was said",
        "kit/logs.py",
        "record.msg if isinstance(record.msg, str) else type(record.msg).__name__",
        "record.getMessage()",
        ("tests/unit/test_logs.py",),
    ),
    Mutation(
        "a log line with a fault's text",
        "kit/logs.py",
        'line["fault"] = record.exc_info[0].__name__',
        'line["fault"] = str(record.exc_info[1])',
        ("tests/unit/test_logs.py",),
    ),
]
MUTATIONS = [*STORAGE, *ERASURE, *PROOF, *HIDDEN, *ACCESS]
SAMPLE = {"a door for everybody", "deleted bytes are not wiped", "a log line with what was said"}
