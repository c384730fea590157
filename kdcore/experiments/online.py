"""Online distillation: a cohort that trains together, each peer taught by the others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import Trained, accuracy, ensemble, peer_agreement
from kdcore.experiments.result import (
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
)
from kdcore.methods import MutualLearning, Task
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import LABEL_NOISE, LABELS, PEERS, SEEDS, STUDENT_HIDDEN, Settings, setting
from kdcore.statistics import mean_interval


@dataclass(frozen=True, kw_only=True)
class OnlineSettings(Settings):
    """Which cohorts are compared with networks that learn alone."""

    labels: int = setting(LABELS, 200)
    label_noise: float = setting(LABEL_NOISE, 0.3)
    peers: tuple[int, ...] = setting(PEERS)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    seeds: int = setting(SEEDS, 20)

    @property
    def cohorts(self) -> tuple[int, ...]:
        """Sizes of the cohorts in which anybody has a peer."""
        return tuple(size for size in self.peers if size > 1)

    def work(self) -> float:
        networks = max(self.peers) + sum(self.cohorts)
        return self.student_work(self.student_hidden, networks)


@dataclass(frozen=True, eq=False)
class Cohort:
    """What the peers of one cohort did, or as many networks each alone."""

    peers: int
    #: Test accuracy of each peer, ``[S, P]``.
    accuracy: Tensor
    #: Test accuracy of all peers together, ``[S]``.
    ensemble_accuracy: Tensor
    #: Test accuracy against samples seen, one curve a peer.
    curves: list[MeasuredCurve]
    #: The mean over the peers.
    mean_curve: MeasuredCurve
    #: How often two peers give the same answer, against samples seen.
    agreement: MeasuredCurve


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredCohorts(Measured):
    """What the cohorts did; the first row is a network alone."""

    #: Each cohort, in the order of the rows after the first.
    cohorts: list[Cohort]
    #: For each cohort as many networks, each alone, from the peers' own initial weights.
    alone: list[Cohort]


def online(settings: OnlineSettings, monitor: Monitor = SILENT) -> MeasuredCohorts:
    """Train cohorts and the same networks alone, and compare them.

    Peer p of every cohort starts from the same weights as network p alone, and all networks of a
    seed see the same batches. The accuracy of a row is the mean over its networks: what one of
    them is worth. The ensemble of a cohort is compared with that of as many networks alone.
    """
    largest = max(settings.peers)
    labels = digits(settings.split).test.labels
    sizes = (1,) * largest + settings.cohorts
    trained, answers = _train(settings, sizes, monitor)
    ends = list(accumulate(sizes))[largest - 1 :]
    cohorts = [
        _cohort(trained, answers, labels, slice(start, end)) for start, end in pairwise(ends)
    ]
    alone = [_cohort(trained, answers, labels, slice(cohort.peers)) for cohort in cohorts]
    every_alone = _cohort(trained, answers, labels, slice(largest))
    baseline = every_alone.accuracy.mean(1)
    rows = [_row(every_alone, baseline) | {"peers": 1}]
    rows += [_row(cohort, baseline, plain) for cohort, plain in zip(cohorts, alone, strict=True)]
    groups = (every_alone, *cohorts)
    return MeasuredCohorts(
        rows=rows,
        accuracy=torch.stack([group.accuracy.mean(1) for group in groups], dim=1),
        curves=[group.mean_curve for group in groups],
        cohorts=cohorts,
        alone=alone,
    )


def _train(
    settings: OnlineSettings, sizes: tuple[int, ...], monitor: Monitor
) -> tuple[Trained, list[Tensor]]:
    """Train cohorts of these sizes beside each other; return answers along the curve, too.

    The answers are the classes that each network names, ``[S, C, N]`` at each point.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    labels = draw_labels(dataset, seeds, settings.labels, settings.label_noise)
    task = Task(dataset, seeds, settings.student_hidden, *labels, samples=settings.student_samples)
    # The networks alone are the peers of the largest cohort without the others.
    alone = [size for size in sizes if size == 1]
    peers = [*range(len(alone)), *(p for size in sizes[len(alone) :] for p in range(size))]
    answers: list[Tensor] = []

    def on_point(stack: MLPStack, test_logits: Tensor) -> None:
        answers.append(test_logits.argmax(-1))

    objective = MutualLearning(task, sizes)
    trained = task.train(objective, monitor, "peers", peers, on_point=on_point)
    return trained, answers


def _cohort(trained: Trained, answers: list[Tensor], labels: Tensor, which: slice) -> Cohort:
    """Return what the networks of some conditions measured."""
    logits = trained.test_logits[:, which]
    samples = [float(value) for value in trained.curve.samples_seen]
    conditions = range(trained.stack.conditions)[which]
    return Cohort(
        peers=len(conditions),
        accuracy=trained.accuracy[:, which],
        ensemble_accuracy=accuracy(ensemble(logits), labels),
        curves=[measured_curve(trained.curve, condition) for condition in conditions],
        mean_curve=MeasuredCurve(
            samples, [mean_interval(point[:, which].mean(1)) for point in trained.curve.accuracy]
        ),
        agreement=MeasuredCurve(
            samples, [mean_interval(peer_agreement(named[:, which])) for named in answers]
        ),
    )


def _row(cohort: Cohort, baseline: Tensor, plain: Cohort | None = None) -> Row:
    """Return the row of a cohort, beside the plain ensemble; without one, that of the baseline."""
    row: Row = {
        "peers": cohort.peers,
        **accuracy_columns(cohort.accuracy.mean(1), None if plain is None else baseline),
        "agreement": cohort.agreement.y[-1].mean,
        "ensemble_accuracy": None,
        "ensemble_accuracy_ci": None,
        "plain_ensemble_accuracy": None,
        "plain_ensemble_accuracy_ci": None,
        "ensemble_gain": None,
        "ensemble_gain_ci": None,
        "ensemble_verdict": None,
    }
    if plain is not None:
        joint = accuracy_columns(cohort.ensemble_accuracy, plain.ensemble_accuracy)
        without = mean_interval(plain.ensemble_accuracy)
        row |= {
            "ensemble_accuracy": joint["student_accuracy"],
            "ensemble_accuracy_ci": joint["student_accuracy_ci"],
            "plain_ensemble_accuracy": without.mean,
            "plain_ensemble_accuracy_ci": without.half_width,
            "ensemble_gain": joint["gain"],
            "ensemble_gain_ci": joint["gain_ci"],
            "ensemble_verdict": joint["verdict"],
        }
    return row


EXPERIMENT = Experiment("online", OnlineSettings, online, page="four_ways", named_by=("peers",))
