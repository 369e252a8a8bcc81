"""kill -9 at every durable effect of an import."""

import pytest

from tests.lifecycle.faults.kills import Bench, pairs, states

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc, by RFC 9864; verifiers know this name


@pytest.mark.parametrize(("variant", "deaths"), states("import", "import-new-ids", "import-tree"))
def test_killed_anywhere_it_finishes_once(bench: Bench, variant: str, deaths: tuple[str, ...]) -> None:
    bench.kill_and_finish(variant, deaths)


@pytest.mark.parametrize(("variant", "deaths"), pairs("import", "import-new-ids", "import-tree"))
def test_killed_twice_it_finishes_once(bench: Bench, variant: str, deaths: tuple[str, ...]) -> None:
    bench.kill_and_finish(variant, deaths)
