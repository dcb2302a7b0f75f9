"""Circular validation of a candidate with a second network, of the same kind and adapted by the same method, back.

The second network learns from the target under the candidate's predicted labels, with the source as its target, and is
asked for the source's labels, which it has never seen. A candidate that is right on the target teaches it well; one
that has brought the wrong classes together teaches it wrongly, and so does one that says one class of all. As a score
of networks: Ganin et al. 2016, Domain-adversarial training of neural networks, JMLR 17, section 5.1.2; the idea is of
Bruzzone and Marconcini 2010, TPAMI 32, and Zhong et al. 2010, ECML.

It costs as much as the candidate, and where the method goes on from what the source has taught, twice that. All source
images are asked for, in the order learned from, held out: none is known to the second network.
"""

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from ...core.events import Event
from ...data.imageset import concatenate
from ...learning.objective import Split
from .arms import Arm
from .contract import DeepMethod
from .feeds import Feeds
from .plan import Plan
from .training import SOURCE_ONLY, goes_on, train

BACK, NEVER = "back", 10**9


def judged_back(plan: Plan, method: DeepMethod, arm: Arm) -> Generator[Event, None, Arm]:
    """The candidate with `circular` of a second network in place of that of a linear model.

    The trainings are kept in the candidate's folder.

    Args:
        plan: of the run.
        method: the candidate's.
        arm: the candidate, trained.
    """
    known = plan.domains.known
    truth = np.concatenate([one.need_labels("SOURCE") for one in (known.train, known.held_out)])
    found = np.array(plan.objective.classes)[(yield from _told_back(plan, method, arm))]
    right = (found == truth).astype(float)
    judged = replace(
        arm.judged,
        scores={**arm.judged.scores, "circular": float(right.mean())},
        units={**arm.judged.units, "circular": right},
    )
    return replace(arm, judged=judged)


def _told_back(plan: Plan, method: DeepMethod, arm: Arm) -> Generator[Event, None, np.ndarray]:
    """(ns,) what the second network says of each source image, as a place among the classes."""
    codes = arm.probabilities.argmax(axis=1)
    turned = turned_round(plan, codes)
    if len(np.unique(codes)) == 1:
        return np.full(len(turned.domains.target), codes[0])
    feeds, folder, start = Feeds(turned, scorers=(turned.by,)), arm.folder / BACK, None
    if goes_on(method):
        start = yield from train(SOURCE_ONLY, DeepMethod(weight=0.0), turned, feeds, folder)
    back = yield from train(arm.name, method, turned, feeds, folder, start)
    return back.probabilities.argmax(axis=1)


def turned_round(plan: Plan, codes: np.ndarray) -> Plan:
    """The same with the domains exchanged: the target has the predicted labels, the source none.

    Args:
        plan: of the run.
        codes: (nt,) places among the classes, of the target.
    """
    domains = plan.domains
    taught = replace(domains.target, labels=np.array(plan.objective.classes)[codes])
    source = concatenate([domains.known.train, domains.known.held_out], domains.known.train.name).without_labels()
    known = Split(taught, taught, domains.known.symbols)  # nothing is chosen by what is held out
    return replace(
        plan,
        domains=replace(domains, known=known, target=source, truth=None, labelled=None),
        objective=replace(plan.objective, targets=len(source)),
        settings=replace(plan.settings, eval_every=NEVER),
        by="entropy",
        keep="last",
    )
