"""Metrics: names, types and the texts of their errors are Cog's."""

import pytest
from coglet import _scope


class FakePrediction:
    active = True

    def __init__(self):
        self.sent = []
        self.context = {}

    def metric(self, name, mode, value):
        self.sent.append((name, mode, value))


@pytest.fixture
def recorder():
    return _scope.MetricRecorder(FakePrediction())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "metric name must not be empty"),
        ("x" * 129, "metric name must be 128 characters or fewer (got 129 characters)"),
        ("a.b.c.d.e", "metric name must have at most 4 dot-separated segments (got 5)"),
        (".a", "metric name must not start with a dot"),
        ("a.", "metric name must not end with a dot"),
        ("a..b", "metric name must not contain empty segments (consecutive dots)"),
        ("_a", "metric name segment '_a' must start with a letter"),
        ("1a", "metric name segment '1a' must start with a letter"),
        ("a-b", "metric name segment 'a-b' contains invalid character '-'"),
        ("a__b", "metric name segment 'a__b' must not contain consecutive underscores"),
        ("a_", "metric name segment 'a_' must end with a letter or digit"),
        ("predict_time", "'predict_time' is reserved by the runtime"),
        ("cog.x", "the 'cog.' prefix is reserved for system metrics"),
    ],
)
def test_names(recorder, name, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        recorder.record(name, 1)
    assert str(caught.value) == message


def test_values_and_modes(recorder):
    recorder.record("x" * 128, 1)
    recorder.record("a.b.c.d", {"k": [1]})
    recorder.record("n", 1, mode="incr")
    recorder.record("n", 1.5, mode="increment")  # a sum may become a float
    recorder.record("l", "x", mode="append")
    recorder["flag"] = True
    recorder["flag"] = None
    recorder.record("gone", None)
    recorder.record("nan", float("nan"))
    del recorder["l"]
    assert recorder._prediction.sent[2:] == [
        ("n", "increment", 1),
        ("n", "increment", 1.5),
        ("l", "append", "x"),
        ("flag", "replace", True),
        ("flag", "replace", None),
        ("gone", "replace", None),
        ("nan", "replace", None),
        ("l", "replace", None),
    ]


def test_errors(recorder):
    with pytest.raises(TypeError, match="Invalid metric mode: 'foo'. Expected 'replace', 'incr', or 'append'."):
        recorder.record("a", 1, mode="foo")
    with pytest.raises(
        TypeError, match="Unsupported metric value type: tuple. Expected bool, int, float, str, list, or dict."
    ):
        recorder.record("a", (1,))
    recorder.record("i", 1)
    with pytest.raises(TypeError, match="Metric 'i' has type int, cannot set to str without deleting first"):
        recorder.record("i", "x")
    recorder.delete("i")
    recorder.record("i", "x")
    with pytest.raises(TypeError, match="Increment mode requires int or float, got bool"):
        recorder.record("b", True, mode="incr")


def test_outside_of_a_prediction_nothing_happens(recorder):
    scope = _scope.current_scope()
    scope.record_metric("a", 1)
    assert repr(scope) == "Scope(MetricRecorder(inactive))" and scope.context == {}
    recorder._prediction.active = False
    recorder.record("", object())
    assert recorder._prediction.sent == []
