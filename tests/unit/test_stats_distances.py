"""Distances: known values, an oracle, and the laws they keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from modelmon.errors import ConfigError
from modelmon.stats import DISTANCES, distance, hellinger, kld, psi, tvd

# (sample, reference, hellinger, kld, tvd): three features as MLRun 1.12.1 scores them
MLRUN = [
    ([2, 3, 0, 3, 1, 3], [0, 0, 0, 30, 70, 0], 0.696144, 6.469979, 0.666667),
    ([0, 6, 0, 2, 1, 3], [0, 45, 5, 15, 35, 0], 0.443579, 2.656455, 0.316667),
    ([10, 0, 0, 0, 0, 2], [30, 0, 0, 0, 0, 70], 0.398039, 1.310259, 0.533333),
]

counts = arrays(np.float64, 6, elements=st.integers(0, 10_000).map(float)).filter(lambda mass: mass.any())
every_distance = pytest.mark.parametrize("name", sorted(DISTANCES))


@pytest.mark.parametrize(("sample", "reference", "h", "k", "t"), MLRUN)
def test_the_values_are_mlruns_to_six_digits(
    sample: list[int], reference: list[int], h: float, k: float, t: float
) -> None:
    found = [distance(reference, sample) for distance in (hellinger, kld, tvd)]
    assert np.round(found, 6).tolist() == [h, k, t]


def test_many_features_are_one_matrix() -> None:
    reference, sample = np.array([row[1] for row in MLRUN]), np.array([row[0] for row in MLRUN])
    assert tvd(reference, sample).shape == (3,)
    assert np.round([hellinger(reference, sample).mean(), kld(reference, sample).mean()], 6).tolist() == [
        0.512587,
        3.478898,
    ]
    assert tvd(reference, sample).mean() == pytest.approx(0.505556, abs=1e-6)


@given(counts, counts)
def test_kld_and_psi_of_full_histograms_are_scipys_entropies(p: np.ndarray, q: np.ndarray) -> None:
    p, q = (p + 1) / (p + 1).sum(), (q + 1) / (q + 1).sum()
    expected = entropy(p, q) + entropy(q, p)
    assert kld(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert psi(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(counts, counts)
def test_hellinger_and_tvd_enclose_each_other_and_scipys_jensen_shannon(p: np.ndarray, q: np.ndarray) -> None:
    h, t, js = float(hellinger(p, q)), float(tvd(p, q)), float(np.nan_to_num(jensenshannon(p, q, base=2)))
    assert h * h <= t + 1e-12
    assert t <= h * np.sqrt(2) + 1e-12
    assert js * js <= t + 1e-12  # Lin, 1991


@given(counts, counts)
def test_hellinger_is_the_affinity_formula(p: np.ndarray, q: np.ndarray) -> None:
    affinity = np.sqrt(p / p.sum() * (q / q.sum())).sum()
    assert hellinger(p, q) ** 2 == pytest.approx(max(0.0, 1 - affinity), abs=1e-12)


@every_distance
@given(mass=counts)
def test_identical_histograms_are_at_distance_zero(name: str, mass: np.ndarray) -> None:
    assert distance(name)(mass, mass) == 0


@every_distance
@given(p=counts, q=counts)
def test_a_distance_is_symmetric(name: str, p: np.ndarray, q: np.ndarray) -> None:
    assert distance(name)(p, q) == pytest.approx(distance(name)(q, p), rel=1e-9, abs=1e-12)


@every_distance
@given(p=counts, q=counts, order=st.permutations(range(6)))
def test_the_order_of_the_bins_is_of_no_matter(
    name: str, p: np.ndarray, q: np.ndarray, order: list[int]
) -> None:
    assert distance(name)(p[order], q[order]) == pytest.approx(distance(name)(p, q), rel=1e-9, abs=1e-12)


@every_distance
@given(p=counts, q=counts, factor=st.integers(1, 1000))
def test_only_shares_count(name: str, p: np.ndarray, q: np.ndarray, factor: int) -> None:
    assert distance(name)(p * factor, q) == pytest.approx(distance(name)(p, q), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["tvd", "hellinger"])
@given(p=counts, q=counts)
def test_tvd_and_hellinger_lie_between_zero_and_one(name: str, p: np.ndarray, q: np.ndarray) -> None:
    assert 0 <= distance(name)(p, q) <= 1


@given(counts, counts, counts)
def test_tvd_and_hellinger_keep_the_triangle_inequality(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> None:
    for measure in (tvd, hellinger):
        assert measure(p, r) <= measure(p, q) + measure(q, r) + 1e-9


@every_distance
@given(p=counts, q=counts)
def test_a_distance_is_finite_and_different_histograms_differ(
    name: str, p: np.ndarray, q: np.ndarray
) -> None:
    value = distance(name)(p, q)
    assert np.isfinite(value)
    assume(np.abs(p / p.sum() - q / q.sum()).max() > 0.01)
    assert value > 0


@every_distance
def test_an_empty_histogram_has_no_distance(name: str) -> None:
    assert np.isnan(distance(name)([0, 0], [1, 1]))
    assert np.isnan(distance(name)([1, 1], [0, 0]))


@every_distance
@pytest.mark.parametrize("wrong", [[-1, 2], [np.nan, 1], [np.inf, 1], 3])
def test_what_is_no_histogram_is_refused(name: str, wrong: object) -> None:
    with pytest.raises(ConfigError, match="finite counts of at least 0"):
        distance(name)(wrong, [1, 1])


@every_distance
def test_different_bins_can_not_be_compared(name: str) -> None:
    with pytest.raises(ConfigError, match="same bins"):
        distance(name)([1, 2], [1, 2, 3])


def test_an_unknown_distance_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="hellinger, kld, psi, tvd"):
        distance("euclid")


def test_a_bin_that_was_empty_in_training_costs_kld_its_documented_stand_in() -> None:
    assert kld([1, 0], [0, 1]) == pytest.approx(2 * np.log(1 / 1e-4))


@pytest.mark.parametrize("rows", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("categories", [1, 200, 10_000])
def test_categories_too_rare_to_be_seen_are_no_shift_to_psi(rows: float, categories: int) -> None:
    reference = np.array([rows - categories, *[1] * categories])
    sample = np.array([1000, *[0] * categories])
    assert 0 <= psi(reference, sample) < 10 * tvd(reference, sample) + 1e-9
    assert 0 <= psi(sample, reference) < 10 * tvd(sample, reference) + 1e-9


def test_an_empty_bin_of_some_weight_costs_psi_its_documented_stand_in() -> None:
    assert psi([99, 1], [100, 0]) == pytest.approx(0.01 * np.log(1 / 0.99) + 0.0099 * np.log(0.01 / 1e-4))
