"""Adapting by name, and what a comparison says."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from regard.adapt.choose.auto import SourceOnly
from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.worth.run import compare
from regard.adapt.worth.trials import draw, halved
from regard.core.checks import InputError
from regard.metrics.contrast import contrast
from regard.metrics.intervals import accuracy_interval


@dataclass
class Vectors:
    vectors: np.ndarray
    labels: np.ndarray | None
    card: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)


def pair(n=120, stretch=(1.0, 6.0), move=8.0, seed=0):
    """Two classes side by side; the target is stretched and moved, which Coral undoes."""
    rng = np.random.default_rng(seed)
    y = np.array(["cat", "dog"])[np.arange(n) % 2]

    def draw():
        return rng.normal(size=(n, 2)) * [0.5, 1] + (y == "dog")[:, None] * [3, 0]

    return Vectors(draw(), y), Vectors(draw() * stretch + move, y)


def test_adapter_by_name():
    assert adapter("subspace", n_components=3).n_components == 3
    with pytest.raises(InputError, match="Did you mean 'coral'"):
        adapter("corral")
    with pytest.raises(InputError, match="setting of subspace: .*Did you mean 'n_components'"):
        adapter("subspace", components=3)


def test_comparison_shows_gain_cost_and_shift():
    source, target = pair()
    found = compare(source, target, ["coral"], settings={"coral": {"reg": 1e-3}})
    assert [row.name for row in found.rows] == ["source_only", "coral", "oracle"]
    none, coral, oracle = found.rows
    assert none.gain is None and coral.gain.low > 0
    assert coral.gain.verdict == "too few to say"  # of one source nobody knows what another would give
    assert coral.accuracy.low <= coral.accuracy.mean <= coral.accuracy.high
    plain = SourceOnly().fit(source.vectors, source.labels, target.vectors)
    assert none.accuracy.mean == plain.score(target.vectors, target.labels)
    best = adapter("coral", reg=1e-3, classifier="linear").fit(source.vectors, source.labels, target.vectors)
    assert coral.accuracy.mean == best.score(target.vectors, target.labels)
    assert coral.gain.mean == pytest.approx(coral.accuracy.mean - none.accuracy.mean)
    assert coral.shift.rbf < found.before.rbf and coral.shift.a_distance < found.before.a_distance
    metrics = found.metrics()
    assert metrics["coral"] == coral.accuracy.mean and metrics["source_only"] == none.accuracy.mean
    assert metrics["coral_seconds"] > 0 and metrics["oracle"] > 0.9
    assert "too few to say" in found.table() and "source_only" in found.table() and "one source" in found.table()
    assert compare(source, target, ["coral"], settings={"coral": {"reg": 1e-3}}).row("coral").gain == coral.gain


def test_no_gain_is_said():
    source, target = pair(stretch=(1.0, 1.0), move=0.0)
    found = compare(source, target, classifier="1nn", seeds=range(6), share=0.5)
    assert found.row("coral").gain.verdict == "no gain" and "no gain" in found.table()
    assert {"coral", "subspace"} <= {row.name for row in found.rows}


def test_target_labels_only_score():
    source, target = pair()
    other = Vectors(target.vectors, np.roll(target.labels, 1))
    right, wrong = compare(source, target), compare(source, other)
    for name in ("source_only", "coral", "subspace"):
        np.testing.assert_array_equal(right.row(name).predictions, wrong.row(name).predictions)
    assert right.row("coral").accuracy.mean != wrong.row("coral").accuracy.mean


def test_oracle_never_sees_the_sample_it_predicts():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), np.array(["a", "b"] * 50)  # labels without any relation to X
    found = compare(Vectors(X, y), Vectors(X + 1, y), ["coral"], classifier="1nn")
    assert found.row("oracle").accuracy.mean < 0.7


def test_seeds_run_methods_that_draw():
    class Drawing(SourceOnly):
        def __init__(self, classifier="linear", random_state=None):
            self.classifier, self.random_state = classifier, random_state

        def _map(self, X, domain):
            return X * (1 if self.random_state else -1) if domain == "target" else X

    source, target = pair(stretch=(1.0, 1.0), move=0.0)
    found = compare(source, target, {"drawing": Drawing()}, seeds=(0, 1))
    one = compare(source, target, {"drawing": Drawing()}, seeds=(1,))
    none = found.row("source_only").accuracy.mean
    turned = Drawing(random_state=0).fit(source.vectors, source.labels, target.vectors)
    assert one.row("drawing").accuracy.mean == none > 0.9
    expected = (none + turned.score(target.vectors, target.labels)) / 2
    assert found.row("drawing").accuracy.mean == pytest.approx(expected) and expected < 0.8


def test_classes_that_differ():
    source, target = pair()
    part = Vectors(target.vectors, np.where(np.arange(120) < 30, "fox", target.labels))
    found = compare(source, part, ["coral"])
    assert found.unreachable == 0.25 and "25.0% of the target samples cannot be right" in found.notes[0]
    assert "fox" in found.table()
    with pytest.raises(InputError, match="source's classes cat, dog, got the classes fox"):
        compare(source, Vectors(target.vectors, np.full(120, "fox")))


def test_few_target_samples():
    source, target = pair()
    one = Vectors(target.vectors[:1], target.labels[:1])
    found = compare(source, one, ["coral"])
    assert [row.name for row in found.rows] == ["source_only", "coral"] and "no oracle" in found.notes[0]
    assert found.row("coral").gain.verdict == "too few to say"


def test_labels_of_any_kind_and_constant_features():
    source, target = pair()
    names = {"cat": -1, "dog": 1}
    numbers = [Vectors(one.vectors, np.array([names[y] for y in one.labels])) for one in (source, target)]
    text, signed = compare(source, target), compare(*numbers)
    assert text.row("coral").accuracy == signed.row("coral").accuracy
    flat = [Vectors(np.c_[one.vectors, np.ones(120)], one.labels) for one in (source, target)]
    assert compare(*flat).row("coral").accuracy.mean > 0.4
    wide = [Vectors(np.c_[one.vectors[:20], np.zeros((20, 60))], one.labels[:20]) for one in (source, target)]
    assert np.isfinite(list(compare(*wide, classifier=LogisticRegression()).metrics().values())).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, t: (Vectors(s.vectors, None), t), "source: .*labels to learn from"),
        (lambda s, t: (s, Vectors(t.vectors, None)), "target: .*labels to score with.*fit"),
        (lambda s, t: (s, Vectors(t.vectors[:, :1], t.labels)), "target: .*2 features.*got 1"),
        (lambda s, t: (s, Vectors(t.vectors * np.nan, t.labels)), "target: .*NaN"),
        (lambda s, t: (Vectors(s.vectors, np.full(120, "cat")), t), "source: .*at least 2 classes, got 1 class"),
        (
            lambda s, t: (
                Vectors(s.vectors, s.labels, {"fingerprint": "a"}),
                Vectors(t.vectors, t.labels, {"fingerprint": "b"}),
            ),
            "another representation",
        ),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(InputError, match=message):
        compare(*change(*pair()))


def test_bad_names():
    source, target = pair()
    with pytest.raises(InputError, match="Did you mean 'coral'"):
        compare(source, target, ["corall"])
    with pytest.raises(InputError, match="settings: .*coral"):
        compare(source, target, ["coral"], settings={"subspace": {}})
    with pytest.raises(InputError, match="seeds: "):
        compare(source, target, ["coral"], seeds=())
    with pytest.raises(InputError, match="name: .*source_only"):
        compare(source, target, ["coral"], classifier=DecisionTreeClassifier(random_state=0)).row("tca")


def test_draws_are_counted_and_halves_of_the_source_are_whole_together():
    source, target = pair()
    found = compare(source, target, ["coral"], seeds=range(4), share=0.5, classifier="1nn")
    row, base = found.row("coral"), found.row("source_only")
    assert found.over == "target samples and draws of the source" and row.right.shape == (4, 120)
    assert row.gain == contrast(row.right, base.right, halves=True, share=0.5) and row.gain.draws == 4
    one, other = (draw(source.labels, target.labels, 1.0, 0, seed) for seed in (2, 3))
    both = halved(one, other, source.labels)
    assert sorted(np.concatenate([half.source for half in both])) == list(range(120))
    for half in both:
        assert sorted(np.unique(source.labels[half.source], return_counts=True)[1]) == [30, 30]
    model = adapter("coral", classifier="1nn").fit(
        source.vectors[both[1].source], source.labels[both[1].source], target.vectors
    )
    assert row.right[3].mean() == model.score(target.vectors, target.labels)
    once = compare(source, target, ["coral"], seeds=range(4), classifier="1nn")
    assert once.over == "target samples, for this one source" and once.row("coral").gain.verdict == "too few to say"


def test_draws_of_another_share_are_counted():
    source, target = pair()
    found = compare(source, target, ["coral"], seeds=range(3), share=0.8, classifier="1nn")
    row, base = found.row("coral"), found.row("source_only")
    assert row.gain == contrast(row.right, base.right, share=0.8)
    assert row.accuracy == accuracy_interval(row.right, share=0.8) and 0 <= row.accuracy.low <= row.accuracy.high <= 1
    one = draw(source.labels, target.labels, 0.8, 0, 1)
    assert sorted(np.unique(source.labels[one.source], return_counts=True)[1]) == [48, 48]


def test_the_oracle_is_one_cross_validation_not_as_many_as_there_are_draws():
    source, target = pair()
    found = compare(source, target, ["coral"], seeds=range(4), share=0.5, classifier="1nn")
    assert found.row("oracle").accuracy.high - found.row("oracle").accuracy.low > 0.01


def test_auto_chooses_among_the_methods_that_were_named_and_is_compared_with_these_alone():
    source, target = pair()
    found = compare(source, target, ["coral", "subspace"], classifier="1nn", auto=True)
    assert {row.name for row in found.choice.rows} == {"source_only", "coral", "subspace"}
    best = max(found.row(name).accuracy.mean for name in ("source_only", "coral", "subspace"))
    assert found.regret == pytest.approx(best - found.row("auto").accuracy.mean) and found.regret >= 0
    alone = compare(source, target, ["auto"], classifier="1nn")
    assert len(alone.choice.rows) > 3 and alone.regret is None and "auto_regret" not in alone.metrics()


def test_shots_are_told_to_methods_and_not_scored():
    source, target = pair()
    found = compare(source, target, ["coral"], shots=3, seeds=(0, 1, 2))
    assert [row.name for row in found.rows] == ["source_only", "source_and_labels", "coral", "oracle"]
    assert found.row("source_and_labels").gain is None and found.row("source_only").gain is None
    assert found.row("source_and_labels").accuracy.mean > found.row("source_only").accuracy.mean
    one = draw(source.labels, target.labels, 1.0, 3, 0)
    assert len(one.known) == 6 and len(np.unique(target.labels[one.known])) == 2
    # other target labels, but one source: of another nothing can be said
    assert found.row("coral").gain.verdict == "too few to say" and "one source" in found.over
    # a method that remembers what it was told gets nothing for it
    single = compare(source, target, ["coral"], shots=3)
    assert single.row("coral").accuracy.n == 114 and single.row("coral").gain.verdict == "too few to say"


def test_labelled_target_vectors_are_given_and_not_scored():
    source, target = pair()
    some = Vectors(target.vectors[:10], target.labels[:10])
    rest = Vectors(target.vectors[10:], target.labels[10:])
    found = compare(source, rest, ["coral"], labelled=some, classifier="1nn")
    assert found.row("coral").accuracy.n == 110 and len(found.row("coral").predictions) == 110
    known = np.array([*some.labels, *[UNKNOWN] * 110], dtype=object)
    plain = adapter("coral", classifier="1nn").fit(source.vectors, source.labels, target.vectors, known)
    np.testing.assert_array_equal(found.row("coral").predictions, plain.predict(rest.vectors))
    with pytest.raises(InputError, match="labelled: .*2 features"):
        compare(source, rest, ["coral"], labelled=Vectors(some.vectors[:, :1], some.labels))


def test_estimators_of_ones_own_and_what_fails_is_left_out():
    source, target = pair()
    found = compare(source, target, {"mine": adapter("coral", reg=0.5)}, classifier="1nn")
    assert [row.name for row in found.rows] == ["source_only", "mine", "oracle"]
    one = Vectors(target.vectors[:1], target.labels[:1])  # too few for subspace alignment
    everything = compare(source, one, classifier="1nn")
    assert any(note.startswith("subspace left out: Xt: ") for note in everything.notes)
    with pytest.raises(InputError, match="Xt: "):
        compare(source, one, ["subspace"])
    assert any("learn from target labels" in note for note in everything.notes)


def test_progress_is_told():
    source, target = pair()
    seen = []

    def watch(events):
        for event in events:
            seen.append((event.step, event.steps, event.text))
            yield event

    compare(source, target, ["coral"], watch=watch)
    assert seen == [(0, 2, "source_only"), (1, 2, "coral"), (2, 2, "")]


def test_a_column_domain_names_several_sources():
    source, target = pair()
    two = Vectors(source.vectors, source.labels, columns={"domain": np.array(["lab", "field"])[np.arange(120) // 60]})

    class Telling(SourceOnly):
        seen = []

        def _align(self, data):
            self.seen.append(data.sources)

    compare(two, target, {"telling": Telling("1nn")})
    assert Telling.seen == [("field", "lab")]
    few = compare(two, target, ["easyadapt"], shots=3)
    assert few.row("easyadapt").accuracy.mean > few.row("source_only").accuracy.mean
    wrong = Vectors(
        source.vectors, source.labels, columns={"domain": np.array(["lab", "target"])[np.arange(120) // 60]}
    )
    with pytest.raises(InputError, match="other names in the column"):
        compare(wrong, target, ["coral"])
