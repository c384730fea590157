"""The takeaways: verdicts follow the runs, in both directions, and say what differed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch

from kdcore.claims import ClaimVerdict, Judgement
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.balance import BalanceSettings, mixture
from kdcore.experiments.controls import similarity
from kdcore.experiments.result import AnyResult, Measured, Result
from kdcore.experiments.student_size import deployment
from kdcore.experiments.teacher_size import bigger_teacher
from kdcore.experiments.temperature import EXPERIMENT, TemperatureSettings, sweet_spot
from kdcore.losses import entropy, soft_labels
from kdcore.statistics import Interval, paired_difference, verdict
from kdcore.visit.evidence import (
    CLAIMS,
    claims_tested,
    differing_settings,
    on_claim,
    overall,
    tally,
    what_separates,
)
from pages.common import run_words
from pages.common.words import words
from tests.small import as_small_as_can_be, short_lessons


def result(keys: dict[str, list[Any]], *means: float, baseline: int = 0) -> AnyResult:
    """A result of eight seeds whose accuracies lie closely around the means."""
    draw = torch.Generator().manual_seed(0)
    accuracy = torch.tensor(means) + 0.02 * torch.randn(8, 1, generator=draw)
    accuracy = accuracy + 0.001 * torch.randn(8, len(means), generator=draw)
    rows = [dict(zip(keys, values, strict=True)) for values in zip(*keys.values(), strict=True)]
    for i, row in enumerate(rows):
        gain = paired_difference(accuracy[:, i], accuracy[:, baseline])
        row["verdict"] = None if i == baseline else verdict(gain)
    return Result(EXPERIMENT, TemperatureSettings(seeds=8), Measured(rows, accuracy), 0.0)


def temperatures(values: list[float], entropies: list[float], *means: float) -> AnyResult:
    return result(
        {"temperature": [None, *values], "soft_label_entropy": [None, *entropies]}, *means
    )


@dataclass
class FakeRun:
    """A run as far as claims are concerned."""

    settings: Mapping[str, str]
    judgements: Mapping[str, Judgement] = field(default_factory=dict)


def run(name: str, said: ClaimVerdict, **settings: str) -> FakeRun:
    return FakeRun(settings, {name: Judgement(said, Interval(0.0, 0.0, 8), {})})


# ------------------------------------------------------------------------------ one run


def test_the_sweet_spot_compares_the_best_t_inside_with_the_best_outside() -> None:
    found = sweet_spot(temperatures([1, 3, 5, 20], [0.1, 0.8, 1.2, 2.2], 0.7, 0.7, 0.8, 0.82, 0.75))
    assert found.verdict == "supported"
    assert (found.said["first"], found.said["second"]) == ("T = 5", "T = 20")
    assert found.figure.mean == pytest.approx(0.07, abs=0.002)
    turned = sweet_spot(temperatures([1, 3, 5, 20], [0.1, 0.8, 1.2, 2.2], 0.7, 0.7, 0.8, 0.82, 0.9))
    assert turned.verdict == "contradicted"
    assert turned.figure.mean == pytest.approx(-0.08, abs=0.002)


def test_that_labels_grow_softer_with_t_is_a_theorem_and_no_matter_of_a_run() -> None:
    logits = 5 * torch.randn(20, 10, generator=torch.Generator().manual_seed(0)).double()
    step = 1e-4
    for T in (0.5, 1.0, 4.0, 20.0):
        p = soft_labels(logits, T)
        variance = (p * logits**2).sum(-1) - (p * logits).sum(-1) ** 2
        above, below = (entropy(soft_labels(logits, T + sign * step)) for sign in (1, -1))
        assert torch.allclose((above - below) / (2 * step), variance / T**3, rtol=1e-4, atol=1e-8)
    found = sweet_spot(temperatures([1, 3, 5, 20], [0.1, 0.8, 1.2, 2.2], 0.7, 0.7, 0.8, 0.82, 0.75))
    assert "softness" not in found.said


def test_the_order_in_which_temperatures_are_given_does_not_matter_to_softness() -> None:
    found = sweet_spot(temperatures([20, 5, 1], [2.2, 1.2, 0.1], 0.7, 0.75, 0.82, 0.7))
    assert (found.said["low"], found.said["high"]) == ("0.10", "2.20")
    assert found.verdict == "supported"


def test_temperatures_on_one_side_only_are_compared_with_hard_labels() -> None:
    found = sweet_spot(temperatures([10, 20], [1.9, 2.2], 0.7, 0.8, 0.85))
    assert (found.said["first"], found.said["second"]) == ("T = 20", "hard")
    assert found.figure.mean == pytest.approx(0.15, abs=0.002)


def test_similarity_is_measured_against_the_nearest_rival() -> None:
    keys = {"targets": ["hard", "soft", "smoothed", "shuffled"]}
    found = similarity(result(keys, 0.7, 0.9, 0.8, 0.6))
    assert (found.verdict, found.said["other"]) == ("supported", "smoothed")
    assert found.figure.mean == pytest.approx(0.1, abs=0.002)
    assert similarity(result(keys, 0.7, 0.8, 0.85, 0.6)).verdict == "contradicted"
    assert similarity(result(keys, 0.7, 0.8, 0.8, 0.6)).verdict == "undecided"


def test_balance_compares_the_best_mixture_with_the_better_end() -> None:
    keys = {"alpha": [0.0, 0.5, 0.9, 1.0]}
    found = mixture(result(keys, 0.7, 0.85, 0.9, 0.88, baseline=3))
    assert (found.verdict, found.said["first"], found.said["second"]) == ("supported", "0.9", "1")
    assert found.figure.mean == pytest.approx(0.02, abs=0.002)
    turned = mixture(result(keys, 0.95, 0.85, 0.9, 0.88, baseline=3))
    assert (turned.verdict, turned.said["second"]) == ("contradicted", "0")


def test_the_best_smaller_teacher_is_compared_with_the_largest() -> None:
    keys: dict[str, list[Any]] = {
        "teacher_hidden": ["8", "64", "512"],
        "teacher_parameters": [1, 2, 3],
    }
    found = bigger_teacher(result(keys, 0.7, 0.9, 0.85))
    assert (found.verdict, found.said) == ("supported", {"first": "[64]", "second": "[512]"})
    assert found.figure.mean == pytest.approx(0.05, abs=0.002)
    assert bigger_teacher(result(keys, 0.7, 0.85, 0.9)).verdict == "contradicted"


def student(width: int, kind: str, share: float, kept: float, said: str | None) -> dict[str, Any]:
    return {
        "student_width": width,
        "label_type": kind,
        "share_of_teacher": share,
        "quality_kept": kept,
        "quality_kept_ci": 0.005,
        "gain": None if said is None else 0.03,
        "gain_ci": None if said is None else 0.01,
        "verdict": said,
    }


def students(*rows: dict[str, Any]) -> AnyResult:
    return Result(
        EXPERIMENT, TemperatureSettings(seeds=8), Measured(list(rows), torch.rand(8, len(rows))), 0
    )


def test_deployment_names_the_smallest_student_that_does_it() -> None:
    found = deployment(
        students(
            student(16, "hard", 0.06, 0.85, None),
            student(16, "distilled", 0.06, 0.93, "helps"),
            student(32, "hard", 0.12, 0.90, None),
            student(32, "distilled", 0.12, 0.96, "helps"),
            student(64, "hard", 0.25, 0.92, None),
            student(64, "distilled", 0.25, 0.97, "helps"),
        )
    )
    assert (found.verdict, found.said["width"], found.said["share"]) == ("supported", "32", "12 %")
    assert found.figure.mean == 0.96
    assert found.gain == Interval(0.03, 0.01, 8)
    assert run_words.judgement(found) == {
        "width": "32",
        "share": "12 %",
        "figure": f"96.0 ± {100 * found.figure.half_width:.1f} %",
        "gain": "+3.0 ± 1.0",
    }


def test_deployment_names_the_best_small_one_where_none_does_it() -> None:
    found = deployment(
        students(
            student(16, "hard", 0.06, 0.85, None),
            student(16, "distilled", 0.06, 0.90, "hurts"),
            student(32, "hard", 0.12, 0.90, None),
            student(32, "distilled", 0.12, 0.92, "hurts"),
            student(256, "hard", 1.0, 0.99, None),
            student(256, "distilled", 1.0, 0.99, "helps"),
        )
    )
    assert (found.verdict, found.said["width"]) == ("contradicted", "32")


# -------------------------------------------------------------------------------- the claims


def test_each_claim_has_an_experiment_a_lesson_and_words() -> None:
    six = ["similarity", "temperature", "factor", "balance", "teacher_size", "deployment"]
    assert [claim.name for claim in CLAIMS][: len(six)] == six
    for claim in CLAIMS:
        assert claim.experiment in EXPERIMENTS.values()
        text = words(claim.experiment.page)["claims"][claim.name]
        answers = text["answers"]
        assert sum(answer["right"] for answer in answers) == 1
        assert len({answer["feedback"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_run_of_what_a_claim_is_about_is_judged(claim: Any) -> None:
    with short_lessons():
        outcome = claim.experiment.run(as_small_as_can_be(claim.experiment.settings()))
    said = outcome.judgements()
    assert list(said) == [claim.name]
    text = words(claim.experiment.page)["claims"][claim.name]
    shown = text["measured"].format(figure="1", gain="2", **said[claim.name].said)
    assert "{" not in shown
    assert said[claim.name].figure.n == len(outcome.accuracy)


def test_the_verdict_on_balance_turns_with_the_settings() -> None:
    experiment = EXPERIMENTS["balance"]
    noisy = BalanceSettings(seeds=8, label_noise=0.4, student_samples=6_000, alphas=(0, 0.8, 1))
    assert mixture(experiment.run(noisy)).verdict == "supported"
    strong = BalanceSettings(seeds=8, labels=50, teacher_labels=900, alphas=(0.0, 0.8, 1.0))
    alone = mixture(experiment.run(strong))
    assert alone.verdict == "contradicted"
    assert alone.said["second"] == "0"


def test_an_experiment_that_tests_no_claim_says_nothing_of_any() -> None:
    lab = EXPERIMENTS["lab"]
    outcome = Result(lab, lab.settings(), Measured([]), 0.0)
    assert outcome.judgements() == {}


# ------------------------------------------------------------------------------ many runs


def test_a_claim_is_tested_by_any_verdict() -> None:
    runs = [run("balance", "undecided"), run("factor", "supported"), FakeRun({})]
    assert claims_tested(runs) == ["factor", "balance"]
    assert claims_tested([]) == []


def test_verdicts_are_counted() -> None:
    runs = [run("balance", said) for said in ("supported", "contradicted", "supported")]
    runs.append(run("factor", "contradicted"))
    assert tally("balance", runs) == {"supported": 2, "contradicted": 1, "undecided": 0}
    assert len(on_claim("balance", runs)) == 3


def test_a_run_that_leaves_a_claim_open_takes_nothing_from_those_that_decide_it() -> None:
    supported, open_run = run("balance", "supported"), run("balance", "undecided")
    assert overall("balance", [supported, open_run, supported]) == "supported"
    assert overall("balance", [open_run, run("balance", "contradicted")]) == "contradicted"
    assert overall("balance", [open_run, open_run]) == "undecided"
    runs: Any = [supported, open_run, supported]
    assert run_words.counts("balance", runs) == (
        "Your 3 runs on it: supported by 2, left open by 1, contradicted by none."
    )
    assert run_words.counts("balance", runs[1:2]) == "Your one run on it: not decided."


def test_a_single_temperature_says_nothing_of_the_sweet_spot() -> None:
    two = temperatures([4, 20], [1.0, 2.2], 0.7, 0.8, 0.7)
    assert list(two.judgements()) == ["temperature"]
    alone = replace(two, settings=TemperatureSettings(seeds=8, temperatures=(4.0,)))
    assert alone.judgements() == {}


def test_runs_that_disagree_leave_a_claim_undecided() -> None:
    supported, contradicted = run("balance", "supported"), run("balance", "contradicted")
    assert overall("balance", [supported, supported]) == "supported"
    assert overall("balance", [contradicted]) == "contradicted"
    assert overall("balance", [supported, contradicted]) == "undecided"
    assert overall("balance", [run("factor", "supported")]) is None


def test_settings_that_differ_are_found_also_where_one_run_lacks_them() -> None:
    runs = [FakeRun({"labels": "50", "seeds": "5"}), FakeRun({"labels": "900", "seeds": "5"})]
    assert differing_settings(runs) == ["labels"]
    assert differing_settings([*runs, FakeRun({"labels": "50"})]) == ["labels", "seeds"]


def test_what_tells_supporting_from_contradicting_runs() -> None:
    runs = [
        run("balance", "supported", labels="50", seeds="5"),
        run("balance", "supported", labels="100", seeds="10"),
        run("balance", "contradicted", labels="900", seeds="10"),
        run("balance", "undecided", labels="900", seeds="40"),
    ]
    assert what_separates("balance", runs) == {
        "labels": {"supported": ["50", "100"], "contradicted": ["900"]}
    }


def test_nothing_separates_one_side_from_nobody() -> None:
    runs = [run("balance", "supported", labels="50"), run("balance", "supported", labels="900")]
    assert what_separates("balance", runs) == {}


def test_nothing_separates_runs_whose_settings_overlap() -> None:
    runs = [
        run("balance", "supported", labels="50", alpha="0.3"),
        run("balance", "contradicted", labels="50", alpha="0.3"),
    ]
    assert what_separates("balance", runs) == {}
