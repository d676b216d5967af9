"""Distances and tests between two samples over the same bins: one definition for every column and both engines.

`p` and `q` are the shares of two samples in the same bins, `n` and `m` the samples' sizes.

- population stability index: sum of (p - q) ln(p / q), with shares below `SMALLEST_SHARE` raised to it
  (Siddiqi, Credit Risk Scorecards, 2006; 0.1 to 0.25 is a moderate change, above it a large one);
- Jensen-Shannon distance: square root of the mean Kullback-Leibler divergence of p and q from their mean, in bits
  (as `scipy.spatial.distance.jensenshannon` with base 2);
- total variation and L-infinity distance: half the sum, and the largest, of the differences |p - q|;
- Kolmogorov-Smirnov: largest difference of the cumulated shares of bins in order, with the asymptotic p-value of two
  samples (as `scipy.stats.ks_2samp` with method `asymp`). Over bins it is at most the statistic of the values;
- chi-squared: Pearson's test that both samples are of one distribution (as `scipy.stats.chi2_contingency` without
  correction), over the bins that either sample has rows in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import kolmogorov
from scipy.stats import chi2_contingency, kstwo

SMALLEST_SHARE = 1e-4
LARGE_SAMPLE = 1_000


@dataclass(frozen=True)
class Test:
    """A test's statistic and p-value."""

    statistic: float
    pvalue: float


def population_stability_index(sample: np.ndarray, reference: np.ndarray) -> float:
    """PSI of counts by bin."""
    p, q = (np.maximum(counts / counts.sum(), SMALLEST_SHARE) for counts in (sample, reference))
    return float(np.sum((p - q) * np.log(p / q)))


def js_distance(sample: np.ndarray, reference: np.ndarray) -> float:
    """Jensen-Shannon distance of counts by bin, in bits: 0 to 1."""
    # Rounding can make the divergence of equal counts slightly negative.
    return float(np.nan_to_num(jensenshannon(sample / sample.sum(), reference / reference.sum(), base=2)))


def tv_distance(sample: np.ndarray, reference: np.ndarray) -> float:
    """Total variation distance of counts by bin: 0 to 1."""
    return float(np.sum(_differences(sample, reference)) / 2)


def l_infinity_distance(sample: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference of a share, of counts by bin: 0 to 1."""
    return float(np.max(_differences(sample, reference)))


def _differences(sample: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.abs(sample / sample.sum() - reference / reference.sum())


def ks_test(sample: np.ndarray, reference: np.ndarray) -> Test | None:
    """Kolmogorov-Smirnov of counts by bin, in the values' order; None when a sample has no value."""
    n, m = sample.sum(), reference.sum()
    if not n or not m:
        return None
    statistic = float(np.max(np.abs(np.cumsum(sample) / n - np.cumsum(reference) / m)))
    return Test(statistic, _ks_pvalue(statistic, max(round(n * m / (n + m)), 1)))


def _ks_pvalue(statistic: float, size: int) -> float:
    """The p-value of a statistic, for two samples of effective size `size`.

    SciPy's `kstwo` takes up to 40 ms when `size` is large: then Kolmogorov's limit stands in for it, with the argument
    that Vrbik (Small-sample corrections to Kolmogorov-Smirnov test statistic, 2018) corrects to the order of 1 / size.
    """
    if size <= LARGE_SAMPLE:
        return float(np.clip(kstwo.sf(statistic, size), 0, 1))
    z = np.sqrt(size) * statistic
    return float(kolmogorov(z + 1 / (6 * np.sqrt(size)) + (z - 1) / (4 * size)))


def chi_squared_test(sample: np.ndarray, reference: np.ndarray) -> Test | None:
    """Chi-squared of counts by bin; None when there is nothing to compare: fewer than two bins with rows."""
    table = np.array([sample, reference])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] == 1 or not table.sum(axis=1).all():
        return None
    found = chi2_contingency(table, correction=False)
    return Test(float(found.statistic), float(found.pvalue))
