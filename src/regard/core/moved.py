"""Modules that moved, found under their old names with a DeprecationWarning, until version 0.2."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "adapt.auto": "adapt.choose.auto",
    "adapt.comparison": "adapt.worth.comparison",
    "adapt.kept": "adapt.saved",
    "adapt.measures": "adapt.shift.distances",
    "adapt.mmd": "adapt.shift.mmd",
    "adapt.priors": "adapt.shift.priors",
    "adapt.ratios": "adapt.shift.density_ratios",
    "adapt.run": "adapt.worth.run",
    "adapt.scorers": "adapt.choose.scorers",
    "adapt.select": "adapt.choose.select",
    "adapt.shallow": "adapt.vectors",
    "adapt.trials": "adapt.worth.trials",
    "backbones.timm_networks": "backbones.libraries.timm",
    "backbones.torchvision_networks": "backbones.libraries.torchvision",
    "core.ahead": "learning.prefetch",
    "core.autoprecision": "learning.precision",
    "core.checkpoint": "learning.checkpoint",
    "core.game": "learning.trainable",
    "core.schedules": "learning.schedules",
    "core.small_maps": "learning.small_maps",
    "core.training": "learning.loop",
    "core.watch": "learning.divergence",
    "create.feed": "learning.batches",
    "create.objective": "learning.objective",
    "create.preview": "learning.preview",
    "create.score": "learning.scores",
    "metrics.health": "metrics.collapse",
    "reuse.duplicates.phash": "data.phash",
    "reuse.labelled": "reuse.pairs",
    "reuse.search.build": "reuse.search.index.build",
    "reuse.search.collection": "reuse.search.index.collection",
    "reuse.search.crop": "reuse.search.query.crop",
    "reuse.search.cutoff": "reuse.search.query.cutoff",
    "reuse.search.decisions_file": "reuse.duplicates.decisions_file",
    "reuse.search.duplicate_candidates": "reuse.duplicates.candidates",
    "reuse.search.duplicate_groups": "reuse.duplicates.groups",
    "reuse.search.duplicate_judge": "reuse.duplicates.judge",
    "reuse.search.duplicates": "reuse.duplicates.find",
    "reuse.search.evaluation": "reuse.search.evaluate.evaluation",
    "reuse.search.exact": "reuse.search.nearest.exact",
    "reuse.search.kept": "reuse.search.index.snapshot",
    "reuse.search.kept_sums": "reuse.search.index.snapshot_checksums",
    "reuse.search.local": "reuse.search.verify",
    "reuse.search.local.agreement": "reuse.search.verify.agreement",
    "reuse.search.local.cache": "reuse.search.verify.cache",
    "reuse.search.local.changes": "reuse.search.verify.changes",
    "reuse.search.local.draw": "reuse.search.verify.draw",
    "reuse.search.local.features": "reuse.search.verify.features",
    "reuse.search.local.matching": "reuse.search.verify.matching",
    "reuse.search.local.tones": "reuse.search.verify.tones",
    "reuse.search.local.verify": "reuse.search.verify.geometry",
    "reuse.search.made_by": "reuse.search.index.made_by",
    "reuse.search.maxsim": "reuse.search.nearest.maxsim",
    "reuse.search.metadata": "reuse.search.index.metadata",
    "reuse.search.metric": "reuse.search.nearest.metric",
    "reuse.search.phash": "data.phash",
    "reuse.search.places": "reuse.search.index.same_files",
    "reuse.search.plan": "reuse.search.nearest.strategy",
    "reuse.search.queries": "reuse.search.query.combine",
    "reuse.search.record": "reuse.search.index.record",
    "reuse.search.relevance": "reuse.search.query.relevance",
    "reuse.search.rerank_spatial": "reuse.search.verify.rerank",
    "reuse.search.reranking": "reuse.search.query.reranking",
    "reuse.search.scoring": "reuse.search.evaluate.scoring",
    "reuse.search.searcher": "reuse.search.query.searcher",
    "reuse.search.sketch": "reuse.search.nearest.sketch",
    "reuse.search.stacked": "reuse.search.index.growable",
    "reuse.search.swap": "reuse.search.index.atomic_replace",
    "reuse.search.things": "reuse.search.evaluate.things",
    "reuse.search.truth": "reuse.search.evaluate.ground_truth",
    "reuse.search.update": "reuse.search.index.update",
    "reuse.search.whiten": "reuse.whiten",
    "reuse.thaw": "learning.freezing",
}


class _Moved(MetaPathFinder, Loader):
    """Finds a module under its old name and gives the very module of the new one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for names that moved, themselves or the package they are in; None for all others."""
        return ModuleSpec(fullname, self) if _new(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its new name."""
        new = _new(spec.name)
        warnings.warn(f"{spec.name} is now {new}", DeprecationWarning, stacklevel=2)
        # a copy of the outside, so that the import system, which writes its own names into it, leaves the module be
        found, alias = import_module(str(new)), ModuleType(spec.name)
        alias.__dict__.update({k: v for k, v in vars(found).items() if k not in ("__name__", "__spec__", "__loader__")})
        return alias

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: it has run already."""


def _new(name: str) -> str | None:
    """The new name of a module, or None."""
    old = name.removeprefix("regard.")
    if old == name:
        return None
    for place in (old, old.rpartition(".")[0]):
        if place in MOVED:
            return "regard." + MOVED[place] + old[len(place) :]
    return None


def install() -> None:
    """Let old names be found, once."""
    if not any(isinstance(one, _Moved) for one in sys.meta_path):
        sys.meta_path.insert(0, _Moved())  # before the one that would find the files of a package a second time
