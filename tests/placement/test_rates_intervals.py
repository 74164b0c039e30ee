"""Rates carry intervals that are the published ones, and weights that are the sender's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.rates import DEFINITIONS_VERSION, Rate, weighted, wilson


# Newcombe (1998), "Two-sided confidence intervals for the single proportion", Statist. Med. 17, table I, method 3.
@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(count: int, n: int, low: float, high: float):
    found = wilson(count, n)
    assert (found.ci_low, found.ci_high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_nothing_counted_is_no_rate():
    assert wilson(0, 0) == Rate(0, 0, None, None, None, "wilson95")


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(count: int, n: int):
    with pytest.raises(ValueError, match="no count"):
        wilson(count, n)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=100, deadline=None)
def test_the_interval_holds_the_rate_and_mirrors(pair: tuple[int, int]):
    count, n = pair
    found, mirrored = wilson(count, n), wilson(n - count, n)
    assert found.rate is not None and found.ci_low is not None and found.ci_high is not None
    assert 0 <= found.ci_low <= found.rate <= found.ci_high <= 1
    assert found.ci_low == pytest.approx(1 - (mirrored.ci_high or 0))


RATES = {"gmail": wilson(5, 10), "yahoo": wilson(10, 10), "gmx": wilson(0, 0)}


def test_a_domain_mix_is_normalised_over_the_providers_that_have_n():
    found = weighted(RATES, {"gmail": 600, "yahoo": 200, "gmx": 100, "qq": 100, "none": 0})
    assert found.rate == pytest.approx(0.75 * 0.5 + 0.25)
    assert found.method == "domain_mix"
    assert dict(found.weights) == pytest.approx({"gmail": 0.75, "yahoo": 0.25})
    assert found.without_seeds == ("gmx", "qq")
    assert found.covered == pytest.approx(0.8)


def test_without_a_mix_the_number_of_seeds_weighs():
    found = weighted({"gmail": wilson(30, 30), "yahoo": wilson(0, 10)})
    assert (found.rate, found.method, found.covered) == (0.75, "seed_count", None)


def test_a_weighted_rate_promises_no_interval():
    found = weighted(RATES)
    assert (found.ci_low, found.ci_high, found.note) == (None, None, "not enough history")


@pytest.mark.parametrize("mix", [{"qq": 5.0}, None])
def test_no_measured_provider_is_no_rate(mix: dict[str, float] | None):
    assert weighted({"gmx": wilson(0, 0)}, mix).rate is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_weight_that_is_no_weight_is_left_out(bad: float):
    assert weighted(RATES, {"gmail": 1.0, "yahoo": bad}).rate == 0.5


@given(st.dictionaries(st.sampled_from(list(RATES)), st.floats(min_value=0, allow_nan=False)))
@settings(max_examples=100, deadline=None)
def test_a_weighted_rate_lies_between_the_rates(mix: dict[str, float]):
    found = weighted(RATES, mix).rate
    assert found is None or 0.5 <= found <= 1 + 1e-9


def test_the_definitions_have_a_version():
    assert DEFINITIONS_VERSION.isdigit()
