"""What a demonstration must show."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def check_demo(told: Mapping[str, Any], folder: Path) -> None:
    """Its report holds what was measured, and what was measured is what one may expect of it."""
    metrics, page = told["metrics"], (folder / "report.html").read_text()
    assert told["verdicts"] == {one["name"]: one["verdict"] for one in told["differences"]} and told["verdicts"]
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!data:|#)', page)
    for name in ("random_knn", "simclr_knn", "labels_knn", "target_source_only", "target_oracle"):
        assert 0.3 < metrics[name] <= 1, name
        assert f"{100 * metrics[name]:.1f}" in page, name
    assert metrics["simclr_knn"] > metrics["random_knn"]
    assert metrics["labels_linear"] > metrics["random_linear"]
    assert metrics["search_imagenet_recall_at_1"] > metrics["search_tf_efficientnet_lite0_recall_at_1"]
    assert metrics["a_distance_coral"] < metrics["a_distance_before"]
