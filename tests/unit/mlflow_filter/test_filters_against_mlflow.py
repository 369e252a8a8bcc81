"""The language is MLflow's: what MLflow's own parser reads from a text, ours reads too."""

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.search_utils import SearchUtils

from freehold.domain.runs.vocabulary import RUNS
from freehold.kit.clauses import Clause
from freehold.kit.filters import parse_filter
from freehold.kit.problems import Invalid

KEYS = st.sampled_from(["loss", "`val loss`", '"val-loss"', "mlflow.runName", "`a.b/c`", "x1"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="'\"\\`\0", exclude_categories=["C", "Z"])).map(
    lambda text: f"'{text}'"
)
NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.floats(0.001, 1000).map(lambda number: f"{number:.6f}"),
    st.floats(1, 9).map(lambda number: f"{number:.3f}e-5"),
)
METRICS = st.builds(
    "{}.{} {} {}".format,
    st.sampled_from(["metric", "metrics"]),
    KEYS,
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    NUMBERS,
)
WORDS = st.builds(
    "{}.{} {} {}".format,
    st.sampled_from(["param", "params", "parameters", "tag", "tags"]),
    KEYS,
    st.sampled_from(["=", "!=", "LIKE", "ilike"]),
    TEXTS,
)
MISSING = st.builds(
    "{}.{} {}".format, st.sampled_from(["params", "tags"]), KEYS, st.sampled_from(["IS NULL", "IS NOT NULL"])
)
ATTRIBUTES = st.one_of(
    st.builds("{}status = {}".format, st.sampled_from(["", "run.", "attributes."]), TEXTS),
    st.builds("start_time {} {}".format, st.sampled_from(["<", ">="]), st.integers(0, 10**13)),
    st.builds("run_id {} ('a', 'b')".format, st.sampled_from(["IN", "NOT IN"])),
)
FILTERS = st.lists(st.one_of(METRICS, WORDS, MISSING, ATTRIBUTES), min_size=1, max_size=4).map(" AND ".join)


@given(FILTERS)
@example("params.loss = 'nan' AND tags.loss = '1'")
def test_both_parsers_read_the_same(text: str) -> None:
    theirs = SearchUtils.parse_search_filter(text)  # type: ignore[no-untyped-call]  # MLflow leaves it untyped
    assert [_as_mlflow(clause) for clause in parse_filter(text, RUNS)] == [
        (
            each["type"].replace("parameter", "param"),
            each["key"],
            each["comparator"].upper(),
            _value(each["key"], each["type"], each["value"]),
        )
        for each in theirs
    ]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Invalid):
        assert isinstance(parse_filter(text, RUNS), tuple)


def _as_mlflow(clause: Clause) -> tuple[object, ...]:
    kind, key = str(clause.field.kind), clause.field.key
    return (kind, key, str(clause.operator), _value(key, kind, clause.value))


def _value(key: str, kind: str, value: object) -> object:
    """Metrics and times as numbers, which MLflow leaves as text; a word stays as it is, `nan` and `1` too."""
    if kind == "metric" or key == "start_time":
        return float(value)  # type: ignore[arg-type]  # what is no number fails the test, as it should
    return value
