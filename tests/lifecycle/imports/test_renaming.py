"""New ids: the same for each old one wherever it stands, and never in place of a plain word."""

import itertools

import msgspec
import pytest

from freehold.lifecycle.imports.preparing import is_object_key
from freehold.lifecycle.imports.renaming import Renamer

UUID = "0196a1b2-0000-7000-8000-000000000001"
HEX = "0196a1b200007000800000000000000f"
SDK = "digits_1577836800_a1b2c3d4"
"""As Azure's SDK calls a run."""


@pytest.fixture
def renamer() -> Renamer:
    numbers = itertools.count(1)
    made = Renamer(lambda: f"ffffffff-0000-7000-8000-{next(numbers):012d}")
    made.collect([UUID, HEX, "train", f"objects/01/{UUID}", SDK, "AutoML_with_a_long_name", "ModuleParameters"])
    made.collect_derived([f"dcid.{HEX}", "dcid.train"])
    made.settle({"old-workspace-id-0001": "this-workspace-id-0001"})
    return made


def test_an_id_keeps_its_form(renamer: Renamer) -> None:
    assert renamer.mapping[UUID].count("-") == 4
    assert "-" not in renamer.mapping[HEX]
    assert len(renamer.mapping[HEX]) == 32
    assert is_object_key(renamer.mapping[f"objects/01/{UUID}"], "objects")
    assert renamer.mapping["dcid.train"] == f"dcid.{renamer.mapping['train']}"


def test_new_ids_are_in_the_order_of_the_old_ones(renamer: Renamer) -> None:
    plain = sorted(old for old in renamer.mapping if not old.startswith(("dcid.", "old-")))
    made = [renamer.mapping[old].replace("-", "").rpartition("/")[2] for old in plain]
    assert made == sorted(made)


def test_a_long_id_is_replaced_inside_text(renamer: Renamer) -> None:
    new = renamer.mapping
    assert renamer.text(f"aml://asset/{HEX}?x={UUID}.") == f"aml://asset/{new[HEX]}?x={new[UUID]}."
    assert renamer.text(f"ExperimentRun/dcid.{HEX}/a/b.txt") == f"ExperimentRun/dcid.{new[HEX]}/a/b.txt"
    assert renamer.text("see AutoML_with_a_long_name") == f"see {new['AutoML_with_a_long_name']}"
    assert renamer.text("old-workspace-id-0001") == "this-workspace-id-0001"


def test_a_short_id_that_is_made_of_another_is_replaced_inside_text(renamer: Renamer) -> None:
    assert renamer.text("see dcid.train, not train") == f"see {renamer.mapping['dcid.train']}, not train"


@pytest.mark.parametrize(
    "text", ["see {}.", "logs/{}.log", "{}.tar.gz", "aml%3A%2F%2Frun%2f{}%2Fa", "dcid.{}.x", "a.{}"]
)
@pytest.mark.parametrize("old", [UUID, HEX, SDK])
def test_a_long_id_is_replaced_before_a_dot_and_in_an_escaped_address(renamer: Renamer, text: str, old: str) -> None:
    assert renamer.text(text.format(old)) == text.format(renamer.mapping[old])


@pytest.mark.parametrize("old", ["3f1e4d56-1111-4222-8333-444455556666", "2fa0" * 8, "5c_train_2024_long"])
def test_a_long_id_behind_a_percent_sign_is_no_escaped_character(old: str) -> None:
    """As in a filter: `run_id LIKE '%3f1e…%'`."""
    renamer = Renamer(lambda: UUID)
    renamer.collect([old])
    renamer.settle({})
    new = renamer.mapping[old]
    assert renamer.text(f"a LIKE '%{old}%' or b%2F{old}") == f"a LIKE '%{new}%' or b%2F{new}"


def test_a_short_id_is_no_plain_word(renamer: Renamer) -> None:
    assert renamer.text("train") == "train"
    assert renamer.text("how to train a model") == "how to train a model"
    assert renamer.exact("train") == renamer.mapping["train"]
    assert renamer.text("ExperimentRun/dcid.train/x") == f"ExperimentRun/{renamer.mapping['dcid.train']}/x"


def test_documents_are_renamed_at_any_depth(renamer: Renamer) -> None:
    before = {"runId": "train", UUID: [{"deep": f"dcid.{HEX}", "n": 1.5, "none": None, "yes": True}]}
    after = msgspec.json.decode(renamer.document(msgspec.json.encode(before).decode()))
    new = renamer.mapping
    deep = {"deep": f"dcid.{new[HEX]}", "n": 1.5, "none": None, "yes": True}
    assert after == {"runId": new["train"], new[UUID]: [deep]}


def test_a_long_id_is_replaced_at_the_beginning_of_a_line_of_a_document() -> None:
    """Where nothing else is, and no id is short: escaped, the end of the line before it looks like a letter of it."""
    renamer = Renamer(lambda: UUID)
    renamer.collect([SDK])
    renamer.settle({})
    before = msgspec.json.encode({"error": f"failed:\n{SDK}"}).decode()
    assert msgspec.json.decode(renamer.document(before)) == {"error": f"failed:\n{UUID}"}


def test_a_short_id_is_neither_a_field_of_a_document_nor_a_word_in_it(renamer: Renamer) -> None:
    words = {"train": 1, "state": "train", "tags": {"train": "train"}, "ModuleParameters": [], "args": ["train"]}
    before = msgspec.json.encode(words | {"DataTypeIds": ["train"]}).decode()
    after = msgspec.json.decode(renamer.document(before))
    assert after == words | {"DataTypeIds": [renamer.mapping["train"]]}


def test_digits_around_an_id_make_it_another(renamer: Renamer) -> None:
    assert renamer.text(f"{HEX}0") == f"{HEX}0"
    assert renamer.text(f"a{HEX}") == f"a{HEX}"


@pytest.mark.parametrize("key", ["objects/../x", f"objects/02/{UUID}", f"keys/01/{UUID}", f"objects/01/{UUID}/x", ""])
def test_what_is_no_key_of_an_object(key: str) -> None:
    assert not is_object_key(key, "objects")
