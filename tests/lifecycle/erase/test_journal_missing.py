"""What a restore knows an erasure by stands beside the keys before the erasure is verified."""

import pytest

from freehold.storage.forget_journal import JOURNAL_FILE, read
from tests.patience import patient
from tests.system.ending import until_ended
from tests.system.surfaces import make_run
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc, by RFC 9864; verifiers know this name
PATIENCE = patient(60)


def test_nothing_is_verified_before_the_copy_of_the_forget_list_has_it(world: World) -> None:
    run_id, keys = make_run(world, "goes"), world.settings().key_folder
    place = keys / JOURNAL_FILE
    place.unlink(missing_ok=True)
    place.mkdir()  # what cannot be written, also for root
    asked = world.post("/freehold/v1/erasures", {"scope": "run", "id": run_id}, world.alice)
    assert asked.status_code == 202, asked.text
    operation_id = asked.json()["id"]
    assert until_ended(world, operation_id, PATIENCE)["state"] == "Failed"
    assert world.get(f"/freehold/v1/certificates/{operation_id}", world.alice).status_code == 404
    place.rmdir()
    again = world.post(f"/freehold/v1/operations/{operation_id}/retry", None, world.alice)
    assert again.status_code < 300, again.text
    assert until_ended(world, operation_id, PATIENCE)["result"]["level"] == "verified"
    assert read(keys)
