"""What a script dooms is erased as its users would do it, and worked off to *verified*."""

from freehold.operations.model import State
from tests.azure2018.conftest import ACCOUNTS, EXPERIMENTATION
from tests.oracle.making import ARM, Telling
from tests.oracle.script import ELSEWHERE, HOSTING, KINDS, LAB, PROJECT, Script, Thing

ERASING = 500
"""The number of the first call that erases."""
OWNER = {ELSEWHERE: "charlie"}
_DELETES = {
    "asset": "/modelmanagement/v1.0{place}/assets/{root}",
    "run_asset": "/modelmanagement/v1.0{place}/assets/{root}",
    "model": "/modelmanagement/v1.0{place}/models/{root}",
    "image": "/modelmanagement/v1.0{place}/images/{root}",
    "service": "/modelmanagement/v1.0{place}/services/{root}",
    "dataset": "/dataset/v1.0{place}/datasets/{root}",
    "datastore": "/datastore/v1.0{place}/datastores/{root}",
    "compute": "{place}/computes/{root}?" + ARM + "&underlyingResourceAction=Delete",
    "draft": "/pipelines/v1.0{place}/PipelineDrafts/{root}",
    LAB: "{place}?" + ARM,
    PROJECT: "{place}?" + EXPERIMENTATION,
    HOSTING: "{place}?" + ACCOUNTS,
}
"""Kinds and places that have a DELETE of their own."""
_BY_VERB_ALONE = {"draft"}
"""Its DELETE takes the graph draft along; an erasure of the scope names the draft only."""


def erase(telling: Telling, script: Script) -> None:
    for number, (doomed, by_verb) in enumerate(zip(script.doomed, script.verbs, strict=True)):
        telling.served.begin(ERASING + number)
        kind = doomed.kind if isinstance(doomed, Thing) else doomed
        if kind in _DELETES and (by_verb or kind in _BY_VERB_ALONE):
            _delete(telling, doomed, _DELETES[kind])
        else:
            _erase(telling, doomed)
        ended = telling.served.work_off()
        assert ended
        for operation in ended:
            assert operation.state is State.SUCCEEDED, operation
            assert (operation.result or {}).get("level") == "verified", operation


def _delete(telling: Telling, doomed: Thing | str, template: str) -> None:
    place, root = _place(doomed), telling.ids[doomed.name] if isinstance(doomed, Thing) else ""
    person = telling.people[OWNER.get(place, "alice")]
    telling.served.ok(person, "DELETE", template.format(place=telling.path(place), root=root))


def _erase(telling: Telling, doomed: Thing | str) -> None:
    place = _place(doomed)
    wanted = {"scope": "workspace"}
    if isinstance(doomed, Thing):
        wanted = {"scope": KINDS[doomed.kind].scope, "id": telling.ids[doomed.name]}
    person = telling.people[OWNER.get(place, "alice")]
    telling.served.ok(person, "POST", f"/freehold/v1{telling.path(place)}/erasures", wanted)


def _place(doomed: Thing | str) -> str:
    return doomed.place if isinstance(doomed, Thing) else doomed
