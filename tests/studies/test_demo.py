import json
import re

import numpy as np
import pytest

from regard.cli import main
from regard.studies.demo_results import SHOTS, Demo, Made, few_labels, labels_saved


def made_up(random: list[list[float]], pretrained: list[float]) -> Demo:
    """Only what `labels_saved` looks at: accuracies by shot and seed."""
    by_shot = {few_labels(shot): [np.array([one]) for one in values] for shot, values in zip(SHOTS, zip(*random))}
    learned = {few_labels(5): [np.array([one]) for one in pretrained]}
    arms = {"random": Made("random", right=by_shot), "simclr": Made("simclr", right=learned)}
    seeds = len(pretrained)
    return Demo(arms, None, None, None, {}, None, seeds, 0, 200)  # type: ignore[arg-type]


def test_labels_saved_reads_the_curve_from_left_to_right():
    curve = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]  # at 1, 2, 5, 10, 20, 50 labels
    factor, beyond = labels_saved(made_up([curve, curve, curve], [0.5, 0.5, 0.5]))
    assert factor.mean == pytest.approx(20 / 5) and not beyond
    between = labels_saved(made_up([curve] * 3, [0.45] * 3))[0].mean
    assert between == pytest.approx(np.sqrt(10 * 20) / 5)
    top, beyond = labels_saved(made_up([curve] * 3, [0.9] * 3))
    assert top.mean == pytest.approx(50 / 5) and beyond


@pytest.mark.slow
def test_the_demonstration_runs_and_its_report_holds_what_was_measured(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--seeds", "2", "--steps", "40", "--json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    metrics = result["metrics"]
    page = (out / "report.html").read_text()
    assert result["verdicts"] == {one["name"]: one["verdict"] for one in result["differences"]} and result["verdicts"]
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!data:|#)', page)
    for name in ("random_knn", "simclr_knn", "labels_knn", "target_source_only", "target_oracle"):
        assert 0.3 < metrics[name] <= 1, name
        assert f"{100 * metrics[name]:.1f}" in page, name
    assert metrics["simclr_knn"] > metrics["random_knn"]
    assert metrics["labels_linear"] > metrics["random_linear"]
    assert metrics["search_imagenet_recall_at_1"] > metrics["search_tf_efficientnet_lite0_recall_at_1"]
    assert metrics["a_distance_coral"] < metrics["a_distance_before"]
    assert main(["demo", "--out", str(tmp_path)]) == 2  # the folder holds other files
