"""The filter language: what MLflow accepts, and clear refusals of the rest."""

import pytest

from freehold.domain.experiments.vocabulary import EXPERIMENTS
from freehold.domain.runs.vocabulary import RUNS
from freehold.kit.clauses import Clause, Field, Kind, Operator, Ordering, Value
from freehold.kit.filters import LONGEST_FILTER, MOST_CLAUSES, parse_filter, parse_orderings
from freehold.kit.problems import Invalid

ACCEPTED: list[tuple[str, Kind, str, Operator, Value]] = [
    ("metrics.loss < 0.5", Kind.METRIC, "loss", Operator.LESS, 0.5),
    ("metric.loss<=1e-3", Kind.METRIC, "loss", Operator.AT_MOST, 0.001),
    ("metrics.loss >= -.5", Kind.METRIC, "loss", Operator.AT_LEAST, -0.5),
    ("metrics.a.b != 2", Kind.METRIC, "a.b", Operator.UNEQUAL, 2.0),
    ("metrics.`val acc` > 3", Kind.METRIC, "val acc", Operator.GREATER, 3.0),
    ('metrics."val-acc" = 3.', Kind.METRIC, "val-acc", Operator.EQUAL, 3.0),
    ("`metrics`.`1/2` = 3", Kind.METRIC, "1/2", Operator.EQUAL, 3.0),
    ("metrics.AND > 1", Kind.METRIC, "AND", Operator.GREATER, 1.0),
    ("params.lr = '0.1'", Kind.PARAM, "lr", Operator.EQUAL, "0.1"),
    ('param.lr != "0.1"', Kind.PARAM, "lr", Operator.UNEQUAL, "0.1"),
    ("parameters.model like 'tree%'", Kind.PARAM, "model", Operator.LIKE, "tree%"),
    ("parameter.model ILIKE '%Tree_'", Kind.PARAM, "model", Operator.ILIKE, "%Tree_"),
    ("params.x IS NULL", Kind.PARAM, "x", Operator.IS_NULL, None),
    ("tags.x is  not  null", Kind.TAG, "x", Operator.IS_NOT_NULL, None),
    ("tags.mlflow.source.name = 'a b'", Kind.TAG, "mlflow.source.name", Operator.EQUAL, "a b"),
    ("tag.`mlflow.runName` = 'it''s \"so\"'", Kind.TAG, "mlflow.runName", Operator.EQUAL, 'it\'s "so"'),
    ("tags.e = '🙂 AND x'", Kind.TAG, "e", Operator.EQUAL, "🙂 AND x"),
    ("tags.empty = ''", Kind.TAG, "empty", Operator.EQUAL, ""),
    ("status = 'FINISHED'", Kind.ATTRIBUTE, "status", Operator.EQUAL, "FINISHED"),
    ("attributes.status != 'FAILED'", Kind.ATTRIBUTE, "status", Operator.UNEQUAL, "FAILED"),
    ("run.run_id IN ('a', \"b\")", Kind.ATTRIBUTE, "run_id", Operator.IN, ("a", "b")),
    ("run_id NOT IN ('a',)", Kind.ATTRIBUTE, "run_id", Operator.NOT_IN, ("a",)),
    ("attr.created > 1700000000000", Kind.ATTRIBUTE, "start_time", Operator.GREATER, 1.7e12),
    ("attribute.`Run Name` = 'x'", Kind.ATTRIBUTE, "run_name", Operator.EQUAL, "x"),
    ('"run name" = "x"', Kind.ATTRIBUTE, "run_name", Operator.EQUAL, "x"),
    ("  end_time  =  5  ", Kind.ATTRIBUTE, "end_time", Operator.EQUAL, 5.0),
]

REFUSED = [
    ("foo bar", "not an attribute"),
    ("metrics.loss", "it ends"),
    ("metrics. > 1", "expected a key"),
    ("metrics.loss > 'x'", "compared with a number"),
    ("metrics.loss > nan", "compared with a number"),
    ("metrics.loss LIKE '1'", "cannot be compared by LIKE"),
    ("metrics.loss == 1", "not a comparison"),
    ("metrics.loss <> 1", "not a comparison"),
    ("metrics.loss IS NULL", "cannot be compared by IS NULL"),
    ("metrics.val-acc > 1", "cannot read"),
    ("params.lr = 0.1", "quoted text"),
    ("params.lr = `x`", "quoted text"),
    ("params.lr > '1'", "cannot be compared by >"),
    ("params.lr IN ('1')", "cannot be compared by IN"),
    ("status IN ('RUNNING')", "cannot be compared by IN"),
    ("run_id IN ()", "quoted text"),
    ("run_id IN ('a'", "closing parenthesis"),
    ("run_id IN 'a'", "followed by a list"),
    ("run_id NOT LIKE 'a'", "NOT is followed by IN"),
    ("tags.a IS 'x'", "IS is followed by NULL"),
    ("tags.a = 'x", "cannot read"),
    ("tags.a = 'x' OR tags.b = 'y'", "joined by AND"),
    ("(tags.a = 'x')", "expected a field"),
    ("tags.a = 'x' AND", "it ends"),
    ("tags.a = 'x'; DROP TABLE runs", "cannot read"),
    ("dataset.name = 'x'", "'dataset' is not one of"),
    ("attributes.color = 'red'", "not an attribute"),
    ("= 1", "expected a field"),
    ("start_time = '1'", "compared with a number"),
]


@pytest.mark.parametrize(("text", "kind", "key", "operator", "value"), ACCEPTED)
def test_clause_is_understood(text: str, kind: Kind, key: str, operator: Operator, value: Value) -> None:
    assert parse_filter(text, RUNS) == (Clause(Field(kind, key), operator, value),)


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_refusal_says_why_and_where(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_filter(text, RUNS)
    assert why in refused.value.message
    assert "at character" in refused.value.message
    assert refused.value.target == "filter"


@pytest.mark.parametrize("text", [None, "", "  \n\t "])
def test_empty_filter_asks_nothing(text: str | None) -> None:
    assert parse_filter(text, RUNS) == ()


def test_clauses_are_joined_by_and() -> None:
    clauses = parse_filter("metrics.a > 1 and params.b = 'AND' AND status='RUNNING'", RUNS)
    assert [clause.field.key for clause in clauses] == ["a", "b", "status"]


def test_place_of_the_fault_is_its_character() -> None:
    with pytest.raises(Invalid, match="at character 23"):
        parse_filter("metrics.a > 1 AND tag ~ 'x'", RUNS)


def test_long_filters_are_refused() -> None:
    with pytest.raises(Invalid, match="longer than"):
        parse_filter("x" * (LONGEST_FILTER + 1), RUNS)
    with pytest.raises(Invalid, match="at most"):
        parse_filter(" AND ".join(["metrics.a > 1"] * (MOST_CLAUSES + 1)), RUNS)


def test_experiments_have_their_own_words() -> None:
    clauses = parse_filter(
        "name ILIKE 'd%' AND attribute.creation_time > 5 AND tags.k = 'v' AND experiment_id IN ('a')",
        EXPERIMENTS,
    )
    assert [clause.field.key for clause in clauses] == ["name", "creation_time", "k", "experiment_id"]
    for text in ("metrics.a > 1", "status = 'x'", "experiment_id LIKE 'a%'"):
        with pytest.raises(Invalid):
            parse_filter(text, EXPERIMENTS)


@pytest.mark.parametrize(
    ("text", "field", "descending"),
    [
        ("metrics.loss", Field(Kind.METRIC, "loss"), False),
        ("metrics.`val acc` DESC", Field(Kind.METRIC, "val acc"), True),
        ('tags."a b" asc', Field(Kind.TAG, "a b"), False),
        ("attributes.start_time desc", Field(Kind.ATTRIBUTE, "start_time"), True),
        ("Created", Field(Kind.ATTRIBUTE, "start_time"), False),
        ("params.desc DESC", Field(Kind.PARAM, "desc"), True),
    ],
)
def test_ordering_is_understood(text: str, field: Field, descending: bool) -> None:
    assert parse_orderings([text], RUNS) == (Ordering(field, descending),)


@pytest.mark.parametrize("text", ["", "metrics.a sideways", "metrics.a, metrics.b", "nothing", "metrics.a DESC x"])
def test_bad_ordering_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_orderings([text], RUNS)
    assert refused.value.target == "order_by"


def test_ordering_twice_by_one_field_is_refused() -> None:
    with pytest.raises(Invalid, match="twice"):
        parse_orderings(["start_time", "attributes.Created DESC"], RUNS)


def test_experiments_are_ordered_by_attributes_only() -> None:
    assert parse_orderings(["name DESC"], EXPERIMENTS) == (Ordering(Field(Kind.ATTRIBUTE, "name"), True),)
    with pytest.raises(Invalid, match="order by a tag"):
        parse_orderings(["tags.k"], EXPERIMENTS)
