"""`--norm` where a network is tuned: what the exchange cost before any training is told, and the folder keeps it."""

import json

import pytest
import torch

from regard import create, finetune
from regard.backbones.encoder import with_norm
from regard.core.checks import InputError
from regard.data.builtin import digits
from regard.learning.objective import Split
from regard.representation.representation import Representation
from regard.reuse.export.to_timm import refuse
from regard.reuse.norm_cost import swap_cost

SHORT = {"steps": 2, "batch": 8, "precision": "fp32"}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("norm")
    create(digits().subset(slice(60)), task="labels", backbone="resnet_scaled", size=16, out=folder / "rep", **SHORT)
    found = finetune(
        digits().subset(slice(100, 200)),
        digits().subset(slice(300, 360)),
        with_=folder / "rep",
        norm="gn:8",
        out=folder / "tuned",
        **SHORT,
    )
    return folder, found


def test_the_cost_is_among_the_figures_and_in_a_note(tuned):
    folder, found = tuned
    before, after = found.metrics["knn_before_norm"], found.metrics["knn_after_norm"]
    assert 0.3 < before <= 1 and 0 <= after <= 1
    assert any("--norm gn:8" in note and f"{before:.1%}" in note and f"{after:.1%}" in note for note in found.notes)
    rep = Representation.load(folder / "rep")
    known = Split(digits().subset(slice(100, 200)), digits().subset(slice(300, 360)), symbols=True)
    told = swap_cost(rep, with_norm(rep.encoder, "gn:8"), known)
    assert told == {"knn_before_norm": before, "knn_after_norm": after}
    assert swap_cost(rep, rep.encoder, known)["knn_after_norm"] == before


def test_the_folder_loads_with_it_and_its_parent_is_as_it_was(tuned):
    folder, _ = tuned
    rep, parent = Representation.load(folder / "tuned"), Representation.load(folder / "rep")
    assert rep.encoder.config["norm"] == "gn:8" and "norm" not in parent.encoder.config
    assert json.loads((folder / "tuned" / "card.json").read_text())["parent"]["fingerprint"] == parent.fingerprint
    assert any(isinstance(one, torch.nn.GroupNorm) for one in rep.encoder.modules())


def test_timm_has_no_form_for_it(tuned):
    with pytest.raises(InputError, match=r"--format: .* --norm gn:8"):
        refuse(Representation.load(tuned[0] / "tuned"))


def test_a_network_without_normalisation_is_refused(tmp_path):
    with pytest.raises(InputError, match="has none"):
        finetune(digits().subset(slice(60)), with_="random:alexnet_scaled", norm="bn", out=tmp_path / "run", **SHORT)
