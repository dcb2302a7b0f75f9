"""The rows of a comparison as estimators: the baselines, then the methods."""

from collections.abc import Iterable, Mapping

from ...core.checks import check_choice
from ...core.discover import load, names
from ..choose.auto import SourceOnly
from ..classifier import ClassifierLike
from ..contract import ShallowAdapter
from ..named import adapter


def estimators_of(
    methods: Iterable[str] | Mapping[str, ShallowAdapter] | None,
    classifier: ClassifierLike,
    settings: Mapping[str, Mapping[str, object]],
    few: bool,
    notes: list[str],
) -> dict[str, ShallowAdapter]:
    """The estimators by name, baselines first."""
    if methods is None:
        chosen = [name for name in names("adapt") if few or not load("adapt", name).needs_target_labels]
        left_out = sorted(set(names("adapt")) - set(chosen))
        if left_out:
            notes.append(f"left out, because they learn from target labels (shots=0): {', '.join(left_out)}")
    else:
        chosen = list(methods)
    for name in () if isinstance(methods, Mapping) else chosen:
        check_choice("methods", name, ("auto", *names("adapt")))
    for name in settings:
        check_choice("settings", name, chosen)
    found: dict[str, ShallowAdapter] = {"source_only": SourceOnly(baseline_classifier(classifier))}
    if few:
        found["source_and_labels"] = SourceOnly(baseline_classifier(classifier))
    for name in chosen:
        if isinstance(methods, Mapping):
            found[name] = methods[name]
            continue
        own = (
            "classifier" not in adapter(name).get_params(deep=False)
            or baseline_classifier(classifier) is not classifier
        )
        found[name] = adapter(name, **{**({} if own else {"classifier": classifier}), **settings.get(name, {})})
    return found


def baseline_classifier(classifier: ClassifierLike) -> ClassifierLike:
    """The classifier of the rows without a method."""
    return "linear" if isinstance(classifier, str) and classifier == "own" else classifier
