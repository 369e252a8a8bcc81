"""Datasets and datastores on SQLite and on PostgreSQL: what their statements find."""

from freehold.domain.datasets import service as datasets
from freehold.domain.datasets.definitions import NewDefinition, save_dataset
from freehold.domain.datasets.queries import Wanted
from freehold.domain.datasets.service import NewDataset
from freehold.domain.datastores import service as datastores
from freehold.domain.datastores.service import NewDatastore
from freehold.domain.documents.queries import Paging
from freehold.storage.transaction import Transaction
from tests.conftest import House


def test_datasets_are_found_by_part_of_the_name_and_by_what_they_were_saved_as(house: House) -> None:
    def work(db: Transaction) -> None:
        saved = save_dataset(db, house.alice, house.workspace, "file", {"dataflowJson": "{}"})
        for name, saved_id in (("Iris_1", saved.saved_id), ("Iris_2", None)):
            new = NewDataset(name, NewDefinition({"dataflow": name}, saved_id))
            datasets.register_dataset(db, house.alice, house.workspace, new)
        again = NewDataset("Iris_1", NewDefinition({"dataflow": "second"}))
        datasets.register_dataset(db, house.alice, house.workspace, again, may_stand=True, adds_version=True)
        found = datasets.list_datasets(db, house.workspace, Paging(), Wanted(searched="iris_"))
        newest = {each.name: each.definition.document["dataflow"] for each in found.datasets if each.definition}
        assert newest == {"Iris_1": "second", "Iris_2": "Iris_2"}
        of_saved = datasets.list_of_saved(db, house.workspace, Paging(), saved.saved_id).datasets
        assert [(each.name, each.definition and each.definition.version) for each in of_saved] == [("Iris_1", 1)]

    house.database.write_now(work)


def test_one_datastore_is_the_default(house: House) -> None:
    def work(db: Transaction) -> None:
        for name in ("a", "b"):
            datastores.create_datastore(db, house.alice, house.workspace, NewDatastore(name, "DBFS", {}))
            datastores.set_default(db, house.workspace, name)
        assert datastores.get_default(db, house.workspace).name == "b"
        found = datastores.list_datastores(db, house.workspace, Paging()).datastores
        assert [each.is_default for each in found] == [True, False]

    house.database.write_now(work)
