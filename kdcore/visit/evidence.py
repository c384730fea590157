"""The claims of the field that a learner takes home, and what many runs say of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from kdcore.claims import ClaimVerdict, Judgement
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import Experiment


@dataclass(frozen=True)
class Takeaway:
    """A claim of the field and the experiment that tests it."""

    name: str
    experiment: Experiment[Any, Any]


def _takeaways() -> tuple[Takeaway, ...]:
    found = [
        (claim.takeaway, Takeaway(claim.name, experiment))
        for experiment in EXPERIMENTS.values()
        for claim in experiment.claims
        if claim.takeaway is not None
    ]
    return tuple(takeaway for _, takeaway in sorted(found, key=lambda pair: pair[0]))


#: The claims of the field that a learner takes home, in their order.
CLAIMS = _takeaways()


class Evidence(Protocol):
    """A run as far as claims are concerned."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What was set, by name."""
        ...

    @property
    def judgements(self) -> Mapping[str, Judgement]:
        """What it says of claims, by their names."""
        ...


EvidenceT = TypeVar("EvidenceT", bound=Evidence)


def on_claim(name: str, runs: Sequence[EvidenceT]) -> list[EvidenceT]:
    """Return the runs that test a claim."""
    return [run for run in runs if name in run.judgements]


def claims_tested(runs: Sequence[Evidence]) -> list[str]:
    """Return the names of the claims that at least one run tests, whatever it says of them."""
    return [claim.name for claim in CLAIMS if on_claim(claim.name, runs)]


def tally(name: str, runs: Sequence[Evidence]) -> dict[ClaimVerdict, int]:
    """Count what the runs say of a claim."""
    verdicts = [run.judgements[name].verdict for run in on_claim(name, runs)]
    return {said: verdicts.count(said) for said in ("supported", "contradicted", "undecided")}


def overall(name: str, runs: Sequence[Evidence]) -> ClaimVerdict | None:
    """Return the verdict that the runs on a claim share; undecided where they contradict.

    A run that leaves the claim open says nothing against those that decide it: that no evidence was
    found is no evidence. ``None`` if no run tests the claim.
    """
    said = {run.judgements[name].verdict for run in on_claim(name, runs)}
    if not said:
        return None
    decided = said - {"undecided"}
    return decided.pop() if len(decided) == 1 else "undecided"


def differing_settings(runs: Sequence[Evidence]) -> list[str]:
    """Return the settings in which runs differ, in the order of the first run's."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [name for name in names if len({run.settings.get(name) for run in runs}) > 1]


def what_separates(name: str, runs: Sequence[Evidence]) -> dict[str, dict[ClaimVerdict, list[str]]]:
    """Return the settings that tell the supporting runs of a claim from the contradicting ones.

    A setting does if no value of it occurs on both sides. It need not be the reason: with few
    runs many settings do. Empty unless there is a run on either side.

    Returns
    -------
    dict
        Of each such setting, the values on either side.
    """
    sides: dict[ClaimVerdict, list[Evidence]] = {"supported": [], "contradicted": []}
    for run in on_claim(name, runs):
        if (said := run.judgements[name].verdict) in sides:
            sides[said].append(run)
    if not all(sides.values()):
        return {}
    found = {}
    for setting in differing_settings([run for side in sides.values() for run in side]):
        values = {
            said: list(dict.fromkeys(run.settings.get(setting, "–") for run in side))
            for said, side in sides.items()
        }
        if not set(values["supported"]) & set(values["contradicted"]):
            found[setting] = values
    return found
