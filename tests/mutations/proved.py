"""Faults in how things go and in how that is proved, in what a plan says of it, and in what leaves."""

from tests.mutations.faults import Mutation

ERASING = "tests/lifecycle/erase/test_erasing.py::test_"
VERIFYING = "tests/lifecycle/erase/test_verifying.py::test_"
BAGS = "tests/lifecycle/export/test_bags.py::test_"
DRAFTS = "tests/azure2020/test_pipelines_drafts.py::test_"
DATASETS = ("tests/azure2020/test_datasets_secrets.py::test_it_is_erased_with_its_dataset",)
OLDER = ("tests/lifecycle/imports/test_older_bags.py",)


def _erasing(name: str, file: str, old: str, new: str, guard: str) -> Mutation:
    return Mutation(name, f"lifecycle/{file}", old, new, (f"{ERASING}{guard}",))


REMOVAL = [
    _erasing(
        "files of copies are kept",
        "copies.py",
        '                _remove(path)\n                passing("erase:copy:removed")',
        '                passing("erase:copy:removed")',
        "copies_that_hold_it_go_first",
    ),
    _erasing(
        "counted objects go at once",
        "removal.py",
        "alone = (key.not_in(sa.select(each).where(among(each))) for each in referrers)",
        "alone = (sa.true() for each in referrers)",
        "shared_object_goes_with_its_last_referrer",
    ),
    _erasing(
        "objects keep their bytes",
        "removal.py",
        "        artifact_queries.doom(db, [row[-1] for row in rows])",
        "        pass",
        "shared_object_goes_with_its_last_referrer",
    ),
    _erasing(
        "children of a run keep their link",
        "removal.py",
        "_LETTING_GO = {LinkKind.SHALLOW, ",
        "_LETTING_GO = {",
        "child_run_stays_without_its_parent",
    ),
    _erasing(
        "the paperwork keeps its rows",
        "reach.py",
        "OWNED = {LinkKind.DEEP, LinkKind.HOLDS}",
        "OWNED = {LinkKind.HOLDS}",
        "paperwork_names_nothing",
    ),
    _erasing(
        "hidden images still need their models",
        "reach.py",
        "return sa.and_(sa.true(), *terms)",
        "return sa.true()",
        "what_is_being_erased_needs_nothing_any_more",
    ),
]
REPEATS = "tests/lifecycle/erase/test_repeats.py::test_"
REPEATED = [
    Mutation(
        "what repeats a link stays without it",
        "lifecycle/removal.py",
        "            _cut(record).delete(db, said)\n",
        "",
        (f"{REPEATS}an_erased_top_is_named_nowhere",),
    ),
    Mutation(
        "what repeats a link is not planned",
        "lifecycle/plan.py",
        "        for each in joint.repeats():\n            steps.add(_count(db, each.record, each.rows))\n",
        "",
        (f"{REPEATS}the_plan_counts_what_the_certificate_counts",),
    ),
    Mutation(
        "a late writer repeats an erased parent",
        "domain/runs/parents.py",
        "for key, value in entries.items() if key not in lost} if lost else entries",
        "for key, value in entries.items()}",
        (f"{REPEATS}a_late_writer_does_not_bring_the_id_back",),
    ),
    Mutation(
        "a short id is not renamed where it repeats a link",
        "lifecycle/imports/preparing.py",
        "            if row[key] in names:",
        "            if False:",
        ("tests/lifecycle/imports/test_importing.py::test_under_new_ids_all_is_there_and_equal_by_the_mapping",),
    ),
    Mutation(
        "the container of a failed import stays",
        "lifecycle/kept.py",
        "    unmake(db, operation_id, homes)\n",
        "",
        ("tests/lifecycle/trees/test_making_roots.py::test_refused_nothing_of_it_stays_but_the_report[sqlite]",),
    ),
]
PROOF = [
    _erasing(
        "a leftover is not refused",
        "proof.py",
        "    _refuse_residue(checked)\n",
        "",
        "residue_anywhere_blocks_verified",
    ),
    Mutation(
        "the plan is not made again",
        "lifecycle/proof.py",
        "    context.read(lambda db: _refuse_leftovers(db, evidence))\n",
        "",
        (f"{VERIFYING}rows_that_are_left_block_verified_until_a_retry_removes_them",),
    ),
    Mutation(
        "a retry only looks again",
        "lifecycle/erase.py",
        ', retried_at="rows"',
        "",
        (f"{VERIFYING}rows_that_are_left_block_verified_until_a_retry_removes_them",),
    ),
    Mutation(
        "links that lead nowhere are not looked for",
        "lifecycle/proof.py",
        '    if found["dangling"]:',
        "    if False:",
        (f"{VERIFYING}a_link_that_leads_nowhere_blocks_verified",),
    ),
    Mutation(
        "bags without a row stay",
        "lifecycle/proof.py",
        "    _remove_strays(context)\n",
        "",
        (f"{VERIFYING}a_bag_whose_row_went_before_its_writer_noticed_is_removed",),
    ),
    Mutation(
        "a hold forbids nothing",
        "lifecycle/erase.py",
        "    if plan.holds:",
        "    if False:",
        ("tests/azure2020/test_holds_and_reports.py::test_what_is_held_cannot_be_deleted_or_erased",),
    ),
    _erasing(
        "the search looks for nothing",
        "search.py",
        "        elif _is_searched(settings, path):",
        "        elif False:",
        "residue_anywhere_blocks_verified",
    ),
    _erasing(
        "temporary files are not searched",
        "search.py",
        "    return place is None or place.is_searched",
        '    return place is None or place.is_searched and place.name != "temporary files"',
        "residue_anywhere_blocks_verified",
    ),
    _erasing(
        "the log is not emptied",
        "cleaning.py",
        "        if not database.exclusively(partial(_keep_from_file, keeper)):\n            return False\n",
        "",
        "reader_that_stays_blocks_verified",
    ),
    _erasing(
        "the log is copied and not emptied",
        "cleaning.py",
        "wal_checkpoint({mode})",
        "wal_checkpoint(PASSIVE)",
        "reader_that_stays_blocks_verified",
    ),
    _erasing(
        "bytes that nobody owns stay",
        "proof.py",
        '    if _remove_unowned(context, found["residue_keys"]):',
        "    if False:",
        "bytes_that_nobody_owns_are_removed_before_verified",
    ),
    _erasing(
        "late uploads stay",
        "erase.py",
        "        context.database.write_now(artifact_queries.doom_strays)\n",
        "        pass\n",
        "late_upload_is_removed_before_verified[of any bytes]",
    ),
    _erasing(
        "the slack of pages is left",
        "cleaning.py",
        "        wipe(database.file, layout, range(1, layout.pages + 1), _Breaths(context, database.file).take)\n",
        "",
        "the_file_holds_no_dead_byte_when_it_is_searched",
    ),
    Mutation(
        "a full disk of the workflow engine's file fails the operation",
        "operations/workflows.py",
        "            except sa.exc.DBAPIError as fault:\n",
        "            except sa.exc.NoSuchTableError as fault:\n",
        ("tests/system/test_disk_full_operations.py",),
    ),
    Mutation(
        "the look for strays does not wait for transactions under way",
        "lifecycle/proof.py",
        "            one_inserter_at_a_time(db.connection, record.table)\n",
        "",
        ("tests/lifecycle/erase/test_postgres.py",),
    ),
    Mutation(
        "objects that lose their row are not counted",
        "lifecycle/removal.py",
        "        gone[OBJECTS] += len(rows)\n",
        "",
        ("tests/lifecycle/erase/test_erasing.py",),
    ),
    Mutation(
        "the log's file keeps what it held",
        "lifecycle/cleaning.py",
        "    return _cut_log(context, database, log)\n",
        "    return True\n",
        ("tests/lifecycle/erase/test_cleaning.py",),
    ),
    Mutation(
        "the log is cut off before it has begun anew",
        "lifecycle/cleaning.py",
        "    _commit_nothing(raw)\n    if pages_in_log(log, ",
        "    if False and pages_in_log(log, ",
        ("tests/lifecycle/erase/test_cleaning.py",),
    ),
    Mutation(
        "what is written while the file is cleaned is not looked at again",
        "lifecycle/cleaning.py",
        "    touched = found.numbers | pages_in_log(log, layout.page_size, found.frames).numbers\n",
        "    touched = frozenset[int]()\n",
        ("tests/lifecycle/erase/test_cleaning.py",),
    ),
    _erasing(
        "a certificate counts nothing",
        "certificate.py",
        "dict(operation.progress.counts)",
        "{}",
        "certificate_verifies_until_a_byte_is_changed",
    ),
    Mutation(
        "an import elsewhere is nobody's paper",
        "records/places.py",
        'COPIES = ("exports", "spools", "imports")',
        'COPIES = ("exports", "spools")',
        ("tests/lifecycle/imports/test_importing.py",),
    ),
]
PLAN = [
    Mutation(
        "secrets of a graph are not planned",
        "lifecycle/joint.py",
        "if pointer.kind in OWNED and pointer.column.name != WORKSPACE:",
        "if False:",
        (f"{DRAFTS}to_erase_a_draft_means_the_same_as_to_delete_it",),
    ),
    Mutation(
        "what goes along is not certified",
        "lifecycle/removal.py",
        "        gone += _release(",
        "        _release(",
        (f"{DRAFTS}to_erase_a_draft_means_the_same_as_to_delete_it",),
    ),
    Mutation(
        "drafts do not count their graph drafts",
        "records/pipelines.py",
        'graph_draft_row = link("pipeline_objects", LinkKind.REFCOUNT',
        'graph_draft_row = link("pipeline_objects", LinkKind.SHALLOW',
        (f"{DRAFTS}a_deleted_draft_takes_its_graph_draft_and_nothing_else",),
    ),
    Mutation(
        "drafts keep graphs themselves",
        "records/pipelines.py",
        'graph_row = link("pipeline_graphs", LinkKind.SHALLOW',
        'graph_row = link("pipeline_graphs", LinkKind.REFCOUNT',
        (f"{DRAFTS}to_erase_a_graph_draft_means_the_same_as_to_delete_it",),
    ),
    Mutation(
        "versions do not count what they were saved as",
        "records/outside.py",
        'saved_row = link("datasets", LinkKind.REFCOUNT',
        'saved_row = link("datasets", LinkKind.SHALLOW',
        DATASETS,
    ),
    Mutation(
        "a shared saved dataset goes with the first",
        "lifecycle/joint.py",
        "sa.and_(sa.or_(*going), sa.not_(sa.or_(*staying)), ",
        "sa.and_(sa.or_(*going), ",
        DATASETS,
    ),
    Mutation(
        "links that older bags lack stay unknown",
        "lifecycle/imports/writing.py",
        "    PipelineDraft: (hold_graphs, link_origins),\n    PipelineObject: (link_schedules, link_versions),\n"
        "    DatasetDefinition: (link_saved,),\n",
        "",
        OLDER,
    ),
    Mutation(
        "links that older bags lack are found, and said once more",
        "domain/pipelines/origins.py",
        "if name not in ORIGINS}",
        "}",
        OLDER,
    ),
    Mutation(
        "what a version was saved as before is forgotten",
        "domain/datasets/definitions.py",
        "    if row.saved_row not in (None, saved_row):",
        "    if False:",
        ("tests/azure2020/test_datasets.py",),
    ),
    Mutation(
        "what a draft was drawn on before is forgotten",
        "domain/pipelines/drafts.py",
        '        if row.graph_draft_row not in (None, values["graph_draft_row"]):',
        "        if False:",
        ("tests/azure2020/test_pipelines_drafts.py",),
    ),
    Mutation(
        "an export begins beside an erasure that removes its bag",
        "lifecycle/export.py",
        "    _wait_for_erasures(db, ctx, containers)\n    return",
        "    return",
        ("tests/azure2020/test_kept_bags.py",),
    ),
    Mutation(
        "a look judges everything while others wait",
        "lifecycle/policies.py",
        ", among=found)",
        ")",
        ("tests/lifecycle/retention/test_looking.py",),
    ),
]
EXPORT = [
    Mutation(
        "what is hidden leaves",
        "lifecycle/selection.py",
        "            yield table.c[HIDDEN].is_(None)\n",
        "            yield sa.true()\n",
        (f"{BAGS}what_is_being_erased_does_not_leave[sqlite]",),
    ),
    Mutation(
        "a run brings its parent",
        "lifecycle/selection.py",
        "            yield key_of(table) == self.chosen.root_row",
        "            yield key_of(table) > 0",
        (f"{BAGS}a_run_leaves_with_what_it_refers_to_and_no_more[sqlite]",),
    ),
    Mutation(
        "an experiment leaves without its runs",
        "lifecycle/selection.py",
        "        if possible:\n",
        "        yield sa.false()\n        if possible:\n",
        (f"{BAGS}an_experiment_leaves_with_all_its_runs[sqlite]",),
    ),
]
MUTATIONS = [*REMOVAL, *REPEATED, *PROOF, *PLAN, *EXPORT]
SAMPLE = {"a leftover is not refused", "secrets of a graph are not planned", "what is hidden leaves"}
