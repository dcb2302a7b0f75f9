"""What was found, in numbers and words: the page, the terminal and JSON all say the same."""

from collections.abc import Mapping, Sequence

from .find import Duplicates, Pair


def counts(found: Duplicates) -> dict[str, int]:
    """How many pairs of each kind, groups and parts there are."""
    kinds = {kind: sum(one.kind == kind for one in found.pairs) for kind in ("identical", "same photo", "same scene")}
    parts = sum(one.kind == "same photo" and "part" in one.evidence for one in found.pairs)
    return {**{kind.replace(" ", "_"): n for kind, n in kinds.items()}, "groups": len(found.groups), "parts": parts}


def told_counts(found: Duplicates, shown: Mapping[str, Sequence[Pair]]) -> str:
    """The counts in a sentence, for the page and the terminal.

    Args:
        found: what was found.
        shown: pairs by kind; of other kinds it is said that they are not shown.
    """
    number = counts(found)
    pairs = ", ".join(
        f"{kind}: {number[kind.replace(' ', '_')]}{'' if kind in shown else ' (not shown)'}"
        for kind in ("identical", "same photo", "same scene")
    )
    return f"Pairs: {pairs}. Groups of copies: {number['groups']}. Parts of others: {number['parts']}."


def why(pair: Pair) -> str:
    """The evidence of a pair in a few words."""
    about = pair.evidence
    words = {"content": "same bytes", "decision": "decided", "hash": "fits corner to corner", "spatial": "fits"}
    parts = [words[about["by"]]]
    if "inliers" in about:
        parts.append(f"{about['inliers']} points")
    if about.get("mirrored"):
        parts.append("mirrored")
    if about.get("turns"):
        parts.append(f"turned by {90 * about['turns']} degrees")
    told = {"grey": "one is grey", "captioned": "with a bar along a side"}
    parts += [words for word, words in told.items() if word in about]
    if "differs" in about:
        parts.append("differs at " + ", ".join(f"{value:.0f}" for value in about["differs"]) + " of the second")
    if about.get("still"):
        parts.append(f"{'first' if about['part'] == 'a' else 'second'} is a still of the other, which moves")
    elif "part" in about:
        parts.append(f"{'first' if about['part'] == 'a' else 'second'} is a part of the other")
    return ", ".join(parts)
