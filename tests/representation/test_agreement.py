import numpy as np
import pytest

from regard.representation.agreement import agreement
from regard.representation.processor import allowed


def plainly(exact: np.ndarray, low: np.ndarray, labels: np.ndarray, k: int = 10) -> tuple[float, float, float]:
    """One picture after another."""

    def near(vectors, row):
        alike = {
            other: vectors[row] @ vectors[other] / np.linalg.norm(vectors[row]) / np.linalg.norm(vectors[other])
            for other in range(len(vectors))
            if other != row
        }
        return sorted(alike, key=alike.get, reverse=True)

    def named(order):
        names = [labels[other] for other in order[:5]]
        return max(dict.fromkeys(names), key=names.count)

    n = len(exact)
    cosine = min(a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(exact, low))
    recall = np.mean([len(set(near(exact, i)[:k]) & set(near(low, i)[:k])) / min(k, n - 1) for i in range(n)])
    right = [np.mean([named(near(one, i)) == labels[i] for i in range(n)]) for one in (exact, low)]
    return cosine, recall, right[1] - right[0]


@pytest.mark.parametrize("n, noise", [(40, 0.3), (40, 2.0), (7, 1.0)])
def test_figures_equal_the_plain_computation(n, noise):
    rng = np.random.default_rng(n)
    labels = np.arange(n) % 2
    exact = rng.normal(0, 1, (n, 6)) + 2 * labels[:, None]
    low = exact + rng.normal(0, noise, exact.shape)
    found = agreement(exact, low, labels.astype(str), True)
    assert (found.smallest_cosine, found.recall_at_10, found.knn_change) == pytest.approx(plainly(exact, low, labels))
    assert agreement(exact, exact, None, True).recall_at_10 == 1 and found.pictures == n


def test_what_cannot_be_said_is_none():
    one = agreement(np.ones((1, 3)), np.ones((1, 3)), np.array(["a"]), False)
    assert one.smallest_cosine == pytest.approx(1) and one.recall_at_10 is None and one.knn_change is None
    x = np.random.default_rng(0).normal(size=(9, 3))
    assert agreement(x, x, np.array(["a"] * 9), True).knn_change is None
    assert "points" not in str(agreement(x, x, None, True)) and "9 others" in str(agreement(x, x, None, True))


@pytest.mark.parametrize(
    "cap, there",
    [
        ("AVX2", ["AVX2"]),
        ("avx512_core", ["AVX2", "AVX-512"]),
        ("AVX512_CORE_VNNI", ["AVX2", "AVX-512", "VNNI"]),
        ("AVX512_CORE_BF16", ["AVX2", "AVX-512", "VNNI", "bf16"]),
        ("AVX512_CORE_AMX", ["AVX2", "AVX-512", "VNNI", "bf16", "AMX"]),
        ("", ["AVX2", "AVX-512", "VNNI", "bf16", "AMX"]),
    ],
)
def test_onednn_can_be_kept_from_features(cap, there, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    assert [name for name in ("AVX2", "AVX-512", "VNNI", "bf16", "AMX") if allowed(name)] == there
