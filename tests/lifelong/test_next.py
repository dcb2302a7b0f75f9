"""Which representation next: the probe against plain fits, the record on cards written by hand, and whole proposals."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import regard
from regard.core.checks import InputError
from regard.data.decode import content_hash, read
from regard.data.imageset import ImageSet
from regard.learning.learned import LEARNED
from regard.lifelong.evidence import CUTS, Evidence, cuts, probe_right, some
from regard.lifelong.lineage import read_lineage
from regard.lifelong.next import Proposal
from regard.lifelong.record import PastTask, Record, judged, past_tasks
from regard.metrics.contrast import contrast
from regard.representation.representation import Representation
from regard.reuse.logistic import fit_logistic

RNG = np.random.default_rng(0)


def test_the_probe_is_fits_on_what_is_not_asked_about():
    y = np.repeat(["a", "b", "c"], 8)
    x = RNG.normal(size=(24, 5)).astype(np.float32) + (y == "a")[:, None]
    parts = cuts(y, seed=3)
    right = probe_right(x, y, parts)
    assert right.shape == (CUTS, 24) and not np.isnan(right).any()
    rows = parts[2][1]
    others = np.setdiff1d(np.arange(24), rows)
    plain = fit_logistic(x[others], y[others], penalty=0.1).predict(x[rows]) == y[rows]
    np.testing.assert_array_equal(right[2, rows], plain)
    assert len({tuple(map(tuple, one)) for one in parts}) == CUTS, "each cut is another"


def test_things_stay_on_one_side_and_lone_pictures_are_never_asked_about():
    y, things = np.repeat(["a", "b"], 6), np.repeat(np.arange(6), 2)
    for folds in cuts(y, things):
        assert all(set(things[rows]).isdisjoint(set(np.delete(things, rows))) for rows in folds)
    y = np.array(["a", "a", "a", "b", "b", "b", "lone"])
    right = probe_right(RNG.normal(size=(7, 3)), y, cuts(y))
    assert np.isnan(right[:, 6]).all() and not np.isnan(right[:, :6]).any()
    with pytest.raises(InputError, match="one picture of each class"):
        cuts(np.array(["a", "b", "c"]))
    with pytest.raises(InputError, match="one thing of each class"):
        cuts(np.repeat(["a", "b"], 4), np.repeat([0, 1], 4))


def test_some_keeps_the_shares_of_classes():
    y = np.repeat(["a", "b", "c"], [60, 30, 10])
    images = ImageSet(list(np.zeros((100, 4, 4), np.uint8)), np.arange(100).astype(str), y)
    kept = some(images, 20, seed=1)
    assert [int((kept.labels == one).sum()) for one in "abc"] == [12, 6, 2]
    assert some(images, 20, seed=1).ids.tolist() == kept.ids.tolist() != some(images, 20, seed=2).ids.tolist()
    assert some(images, 100) is images


def evidence(share: float, n: int = 200, seed: int = 0) -> Evidence:
    right = (np.random.default_rng(seed).random((CUTS, n)) < share).astype(float)
    return Evidence(right, None, {"probe": float(right.mean()), "knn": None, "logme": 0, "h_score": 0, "leep": None}, 4)


def proposal(*, n: int = 200, **shares: float) -> Proposal:
    found = {name: evidence(share, n, seed) for seed, (name, share) in enumerate(shares.items())}
    order = sorted(found, key=lambda name: -found[name].right.mean())
    base = found["imagenet"]
    gains = {name: contrast(found[name].right, base.right) for name in order if name != "imagenet"}
    return Proposal({k: found[k] for k in order}, dict.fromkeys(order, ""), gains, Record(), (), {}, 0.95, ())


def test_the_sentence_follows_the_engine():
    ahead = proposal(imagenet=0.5, run=0.9, random=0.3)
    assert ahead.start == "run" and ahead.sentence.startswith("Start from run: +") and ahead.verdict == "gain"
    assert "random" not in ahead.level_with()
    near = proposal(imagenet=0.80, run=0.81, random=0.3)
    assert near.start == "imagenet" and near.sentence.startswith("No gain over imagenet: run, the best by the probe")
    assert near.level_with() == ["imagenet"]
    behind = proposal(imagenet=0.9, run=0.5)
    assert behind.start == behind.best == "imagenet" and "imagenet is the best of 2 candidates" in behind.sentence
    few = proposal(n=4, imagenet=0.2, run=0.9)
    assert few.start == "imagenet" and few.sentence.startswith("Too few to say")


def card(folder: Path, mark: str, parent: object, learned: list[str], **more: object) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"architecture": "convnet4", "regard": {}, "pretrained_cfg": {}}')
    (folder / "model.safetensors").write_bytes(b"")
    told = {"name": folder.name, "fingerprint": mark, "parent": parent, **more}
    (folder / "card.json").write_text(json.dumps(told))
    (folder / LEARNED).write_text(json.dumps({"pictures": learned, "unknown": []}))


@pytest.fixture
def tried(tmp_path: Path) -> Path:
    """Two starts, six tasks that were tried from both and from imagenet; of the last, start B had seen a picture."""
    card(tmp_path / "A", "A", "random:convnet4:0", ["a1"])
    card(tmp_path / "B", "B", "random:convnet4:1", ["b1", "t5-0"])
    for task in range(6):
        for start, score in (("A", 0.9 if task < 4 else 0.1), ("B", 0.5), ("imagenet", 0.3)):
            before = {"A": ["a1"], "B": ["b1", "t5-0"], "imagenet": []}[start]
            card(
                tmp_path / f"runs/{task}-{start}",
                f"{task}{start}",
                {"name": start, "fingerprint": start},
                sorted({*before, f"t{task}-0", f"t{task}-1"}),
                task={"name": "labels"},
                data={"name": f"task {task}", "content": f"c{task}"},
                scores={"accuracy": score},
            )
    card(tmp_path / "lone", "lone", {"name": "A", "fingerprint": "A"}, ["a1", "q"], task="labels",
         data={"name": "lone", "content": "q"}, scores={"accuracy": 1.0})  # fmt: skip
    return tmp_path


def test_how_often_the_evidence_was_right(tried):
    lineage = read_lineage(tried)
    tasks, notes = past_tasks(lineage)
    assert [task.name for task in tasks] == [f"task {k}" for k in range(6)]
    assert tasks[0].reached == {"A": 0.9, "B": 0.5, "imagenet": 0.3} and "1 labelled task" in notes[0]
    assert judged(lineage, tasks, []).right("probe") == (0, 0)
    asked = []

    def ask(start: str, rows: np.ndarray) -> dict[str, float | None]:
        asked.append((start, rows.tolist()))
        return {"probe": {"A": 0.8, "B": 0.4, "imagenet": 0.3}[start], "knn": 0.5, "leep": None}

    sets = [(np.array([f"t{k}-1", "not learned", f"t{k}-0"]), ask) for k in range(6)]
    record = judged(lineage, tasks, sets)
    assert asked[:3] == [(start, [0, 2]) for start in ("A", "B", "imagenet")]
    # the fifth was best from B; of the sixth only A and imagenet are left to judge by, and imagenet was better
    assert record.right("probe") == (4, 6) and record.right("leep") == (0, 0)
    assert record.told("probe").startswith("4 of 6, 67 % [") and record.told("leep") == "0 tasks: too few to say"
    assert any("B had seen its pictures" in note for note in record.notes)
    assert record.by_chance == pytest.approx((5 / 3 + 1 / 2) / 6)
    # pictures of which a run learned more than were named are another task's
    assert judged(lineage, tasks[:1], [(np.array(["t0-1"]), ask)]).right("probe") == (0, 0)


def test_few_tasks_are_too_few_to_say():
    made = PastTask("one", ("r",), {"A": 0.5, "B": 0.4}, {"probe": {"A": 1.0, "B": 0.0}})
    record = Record((made,) * 4)
    assert record.told("probe") == "4 of 4: too few to say" and record.share("probe") is None
    assert Record((made,) * 5).share("probe") is not None


def pictures(folder: Path, labels: str = "ab", count: int = 6, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for label in labels:
        (folder / label).mkdir(parents=True)
        for number in range(count):
            low = 120 * (label == "a")
            pixels = rng.integers(low, 130 + low, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("next")
    pictures(root / "task")
    Representation.load("random:convnet4:5").save(root / "reps/small")
    Representation.load("random:timm:test_resnet:5").save(root / "reps/deep/other")
    Representation.load("random:convnet4:5").save(root / "reps/again")
    (root / "reps/broken").mkdir()
    for name in ("config.json", "card.json"):
        (root / "reps/broken" / name).write_bytes((root / "reps/small" / name).read_bytes())
    (root / "reps/broken/model.safetensors").write_bytes(b"no weights")
    told = json.loads((root / "reps/broken/card.json").read_text()) | {"fingerprint": "other"}
    (root / "reps/broken/card.json").write_text(json.dumps(told))
    (root / "empty").mkdir()
    return root


def test_representations_of_different_sizes_are_candidates_beside_the_baselines(given):
    found = regard.next(given / "task", from_=given / "reps", report=given / "page.html")
    names = {one["name"] for one in found.to_dict()["candidates"]}
    assert names == {"imagenet", "random", "again", "deep/other"}, "equal weights are one candidate"
    dims = {one["name"]: one["dim"] for one in found.to_dict()["candidates"]}
    assert dims["imagenet"] == 1280 != dims["again"] == dims["random"]
    assert [one["name"] for one in found.to_dict()["set_aside"]] == ["broken"]
    assert len(found.differences) == 3 and found.start in names
    assert "small has the weights of again" in str(found) and found.metrics["past_tasks"] == 0
    assert "<svg" in (given / "page.html").read_text()


def test_a_candidate_that_has_seen_the_task_is_refused(given, tmp_path):
    Representation.load("random:convnet4:5").save(tmp_path / "run")
    told = json.loads((tmp_path / "run/card.json").read_text()) | {"made_by": "rotation from 12 images"}
    (tmp_path / "run/card.json").write_text(json.dumps(told))
    seen = content_hash(read(given / "task/a/0.png"))
    (tmp_path / "run" / LEARNED).write_text(json.dumps({"pictures": [seen], "unknown": []}))
    with pytest.raises(InputError, match=r"run has learned from 1 picture\(s\) of TASK: a/0.png.*--allow-leak"):
        regard.next(given / "task", from_=tmp_path)
    found = regard.next(given / "task", from_=tmp_path, allow_leak=True)
    assert str(found).startswith("Leak: run has learned from 1 picture") and found.metrics["leaks"] == 1


def test_none_in_the_folder_and_tasks_that_say_nothing(given, tmp_path):
    found = regard.next(given / "task", from_=given / "empty")
    assert {one["name"] for one in found.to_dict()["candidates"]} == {"imagenet", "random"}
    assert "No representation below" in str(found)
    for labels, count, message in (("a", 4, "class"), ("ab", 1, "one picture of each class")):
        with pytest.raises(InputError, match=message):
            regard.next(pictures(tmp_path / f"{labels}{count}", labels, count), from_=given / "empty")
    with pytest.raises(InputError, match="FOLDER"):
        regard.next(given / "task", from_=given / "none")


def test_a_classifier_that_learned_the_task_on_weights_that_did_not_is_asked_nothing(tmp_path: Path) -> None:
    from helpers.adapting import representation
    from helpers.learning_tasks import task
    from regard.core.storage import write_json
    from regard.lifelong.next_candidates import candidates, unseen_heads

    start, images = representation(), task("a", "b")
    regard.learn(task("c", "a").subset(range(4)), with_=start, method="slda", out=tmp_path / "1")
    for name in ("2", "3"):
        regard.learn(images, with_=tmp_path / "1", out=tmp_path / name)
    write_json(tmp_path / "3" / LEARNED, {"pictures": ["another"], "unknown": []})
    lineage, notes = read_lineage(tmp_path), []
    one = next(one for one in candidates(lineage, []) if one.folders)
    assert {place.name for place in one.folders} == {"1", "2", "3"}
    hashes = np.array([content_hash(read(item)) for item in images.items])
    kept = unseen_heads(one, lineage, hashes, notes)
    assert [place.name for place in kept.folders] == ["1", "3"]
    assert len(notes) == 1 and "2 has learned from pictures of TASK with the weights of 1: no LEEP by it" in notes[0]
