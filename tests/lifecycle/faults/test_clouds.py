"""kill -9 with the objects in a cloud's store: at every durable effect of the code and every request to the store."""

import pytest

from tests.lifecycle.faults.conftest import Benches
from tests.lifecycle.faults.kills import pairs, passages, passed_by, states
from tests.lifecycle.faults.work import IN_CLOUDS

pytestmark = [
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # joserfc, by RFC 9864; verifiers know this name
    # moto's server leaves the socket of a client that was killed to the garbage collector, which says so as a warning
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EVERY = [
    *states("s3-erase", sample=1),
    *states("s3-import", sample=1),
    *states(*(variant for variant in IN_CLOUDS if variant not in ("s3-erase", "s3-import")), sample=0),
]


@pytest.mark.parametrize(("variant", "deaths"), EVERY)
def test_killed_anywhere_it_finishes_once(clouds: Benches, variant: str, deaths: tuple[str, ...]) -> None:
    clouds.of(variant).kill_and_finish(variant, deaths)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("variant", "deaths"), pairs(*IN_CLOUDS))
def test_killed_twice_it_finishes_once(clouds: Benches, variant: str, deaths: tuple[str, ...]) -> None:
    clouds.of(variant).kill_and_finish(variant, deaths)


@pytest.mark.exhaustive
@pytest.mark.parametrize("variant", IN_CLOUDS)
def test_every_listed_point_is_passed(clouds: Benches, variant: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    passed = passed_by(clouds.of(variant), variant, tmp_path_factory.mktemp("trace") / "trace")
    assert {point: min(passed[point], most) for point, most in passages()[variant].items()} == passages()[variant]
