"""What is said of a line: verdicts between neighbours, the order, and what small data reverse."""

import json

import numpy as np
import pytest

from helpers.line import line
from regard.core.checks import InputError
from regard.core.storage import plain
from regard.studies.history_years import LINE, asked_rows

RISING = {"fisher": 0.4, "alexnet_scaled": 0.55, "vgg_scaled": 0.7, "resnet_scaled": 0.85}
TURNED = RISING | {"vgg_scaled": 0.3}


def test_an_order_that_holds():
    found = line(RISING)
    assert found.order is not None and found.order.mean == 1 and found.order.low == 1
    assert [(later.name, before.name) for later, before in found.steps] == [
        ("alexnet_scaled", "fisher"),
        ("vgg_scaled", "alexnet_scaled"),
        ("resnet_scaled", "vgg_scaled"),
    ]
    assert not found.reversed and {one["verdict"] for one in found.differences()} == {"gain"}
    for words in ("On these pictures the published order holds: Spearman", "No later representation"):
        assert words in found.answer


def test_small_data_that_reverse_it_are_told_so():
    found = line(TURNED)
    pairs = [(later.name, before.name) for later, before, _ in found.reversed]
    assert pairs == [("vgg_scaled", "alexnet_scaled"), ("vgg_scaled", "fisher")], "the farthest first"
    assert "Small data reverse the published order: VGG (2014) is -2" in found.answer
    assert "holds in part" in found.answer and found.metrics["reversed"] == 2
    by_name = {one["name"]: one["verdict"] for one in found.differences()}
    assert by_name == {
        "alexnet_scaled-fisher": "gain",
        "vgg_scaled-alexnet_scaled": "loss",
        "resnet_scaled-vgg_scaled": "gain",
    }


def test_equal_ones_are_no_gain_and_no_reversal():
    found = line(dict.fromkeys(RISING, 0.6))
    assert not found.reversed and {one["verdict"] for one in found.differences()} == {"no gain"}
    assert "cannot be told" in found.answer
    turned = line(dict(zip(RISING, reversed(RISING.values()))))
    assert "turned around" in turned.answer


def test_references_are_no_part_of_the_order():
    found = line(RISING, random=0.99, imagenet=0.2)
    assert found.order is not None and found.order.n == 4 and found.metrics["spearman"] == 1
    assert found.metrics["random"] == pytest.approx(0.99, abs=0.02) and found.metrics["imagenet_low"] is not None
    assert len(found.differences()) == 3 and found.networks_order is not None and found.networks_order.n == 3
    assert "; of the networks alone +1.00 [+1.00, +1.00]." in found.answer and found.metrics["spearman_networks"] == 1
    marked = {row["name"]: row["reference"] for row in found.as_dict()["rows"]}
    assert marked["imagenet"] and marked["random"] and not marked["fisher"]


def test_from_one_seed_nothing_is_told_apart():
    found = line(TURNED, seeds=1)
    assert found.order is not None and not found.order.known and not found.reversed
    assert {one["verdict"] for one in found.differences()} == {"too few to say"} and "from one seed" in found.answer
    assert found.metrics["spearman_low"] is None


def test_two_forms_of_one_network_share_a_place():
    found = line({"fisher": 0.4, "alexnet_scaled": 0.5, "alexnet": 0.6, "resnet_scaled": 0.7, "resnet50": 0.8})
    assert [[row.name for row in chain] for chain in found.chains] == [
        ["fisher", "alexnet_scaled", "resnet_scaled"],
        ["fisher", "alexnet", "resnet50"],
    ]
    assert len(found.steps) == 4 and "AlexNet as published (2012)" in [row.title for row in found.rows]
    assert found.order is not None and found.order.n == 5


def test_of_two_representations_there_is_no_rank():
    found = line({"alexnet_scaled": 0.5, "resnet_scaled": 0.7})
    assert found.order is None and found.metrics["spearman_networks"] is None and found.networks_order is None
    assert "no rank correlation" in found.answer and found.metrics["spearman"] is None


def test_it_is_plain_json():
    told = json.loads(json.dumps(plain(line(TURNED).as_dict()), allow_nan=False))
    assert told["reversed"][0] == ["vgg_scaled", "alexnet_scaled"] and len(told["published"]) == len(LINE)


def test_the_published_errors_fall_along_the_line():
    errors = [one.error for one in LINE if one.error is not None]
    assert errors == sorted(errors, reverse=True) and [one.year for one in LINE] == sorted(one.year for one in LINE)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("scaled", 7),
        ("published", 7),
        ("all", 12),
        ("vgg_published,resnet", ["bag_of_words", "fisher", "vgg16", "resnet_scaled"]),
        ("alexnet,alexnet_published", ["bag_of_words", "fisher", "alexnet_scaled", "alexnet"]),
    ],
)
def test_rows_that_are_asked_for(asked, names):
    found = [row.name for row in asked_rows(asked)]
    assert found == names if isinstance(names, list) else len(found) == names
    assert all(row.entry is not None and row.entry.scaled for row in asked_rows(asked, classic=False))


@pytest.mark.parametrize("asked", ["resnet19", "", "scaled,resnet"])
def test_strange_networks_are_refused(asked):
    with pytest.raises(InputError, match="^--networks: expected"):
        asked_rows(asked)


def test_intervals_are_over_things_where_they_are_known():
    loose, bound = line(RISING), line(RISING, each=4)
    assert bound.value("fisher").n == loose.value("fisher").n / 4
    assert np.isfinite(bound.value("fisher").low)
