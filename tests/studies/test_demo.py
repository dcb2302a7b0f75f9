"""The demonstration's own arithmetic; what it shows is tested with all verbs in tests/verbs/test_same_as_cli.py."""

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


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()
    assert main(["demo", "--out", str(tmp_path)]) == 2
