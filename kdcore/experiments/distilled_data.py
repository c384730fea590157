"""Today 2, the other way round: ten images that were invented to teach."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.claims import Claim, Judgement, from_verdict
from kdcore.data import CLASSES, Dataset, digits
from kdcore.distillation import HardLabels, answers, layer_sizes, train_and_test
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
)
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.randomness import generator
from kdcore.settings import Name, Number, Settings, setting
from kdcore.statistics import mean_interval, paired_difference, verdict
from kdcore.today.invented import (
    IMPROVEMENTS,
    RANDOM_STARTS,
    TRIED_ON,
    Invented,
    Layers,
    invent,
    labels_of,
    learned,
    new_starts,
    said,
)
from kdcore.training import TrainingSettings
from kdcore.words import Refusal

#: What a student learns from, row by row; real images are the baseline.
LEARNED_FROM = ("invented", "real")
#: The student: small, so that a start can be learned by heart.
DISTILLED_DATA_HIDDEN = (32,)
#: Starts that nobody has invented for, on which each seed's images are tried.
FRESH_STARTS = 4

IMAGES = Number("images", CLASSES, 5 * CLASSES, CLASSES, (10, 20, 30), whole=True)
INNER_STEPS = Number("steps", 1, 20, 5, (1, 2, 5, 10), whole=True)
STARTS = Name("starts", ("fixed", "random"), "fixed")


@dataclass(frozen=True, kw_only=True)
class DistilledDataSettings(Settings):
    """What is compared: a student of invented images with one of as many real ones."""

    images: int = setting(IMAGES)
    steps: int = setting(INNER_STEPS)
    starts: str = setting(STARTS)

    def check_together(self) -> None:
        if self.images % CLASSES:
            raise Refusal("as_many_of_each", name="images", classes=CLASSES)

    def work(self) -> float:
        starts = RANDOM_STARTS if self.starts == "random" else 1
        # Each improvement goes through the student's steps and back, and then tries it.
        seen = 2 * self.steps * self.images + TRIED_ON
        invented = self.training_work(DISTILLED_DATA_HIDDEN, starts, IMPROVEMENTS * seen)
        return invented + self.student_work(DISTILLED_DATA_HIDDEN, 1)

    @property
    def own_bytes(self) -> int:
        """Measured: the steps of each seed's students, to go back through."""
        return int(1.5 * 2**20)


@dataclass(frozen=True, eq=False, kw_only=True)
class DistilledDataMeasured(Measured):
    """The table, the images of the first seed while they were invented, and other starts."""

    #: ``[pictures, images, D]``, and after how many improvements each was taken.
    pictures: Tensor
    improvements: tuple[int, ...]
    #: The real images that the first seed's other student saw, ``[images, D]``.
    real: Tensor
    #: Test accuracy of networks that start elsewhere and learn from the invented images, ``[S]``.
    fresh_accuracy: Tensor


def distilled_data(
    settings: DistilledDataSettings, monitor: Monitor = SILENT
) -> DistilledDataMeasured:
    """Invent a few images for a student to learn from, and compare with as many real ones.

    With *fixed* starts each seed's images are invented for the one network that the seed starts
    with, and tried on it. With *random* ones they are invented for any start, and tried on
    :data:`FRESH_STARTS` new ones. ``fresh_accuracy`` is always measured on new starts: what was
    invented for one network may be no use to another.

    The student of invented images makes a few large steps on all of them at once. The student of
    real images is trained as everywhere in this course, for as long as that takes: it does better
    with that than with a few steps.

    Notes
    -----
    Wang, Zhu, Torralba, Efros (2018), *Dataset distillation*.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    sizes = layer_sizes(dataset, DISTILLED_DATA_HIDDEN)
    random = settings.starts == "random"
    invented, curve = invent(
        dataset.training, sizes, seeds, settings.images, settings.steps, random, monitor
    )
    own = MLPStack.initialise(sizes, seeds)
    fresh_starts = new_starts(sizes, [generator(s, "fresh starts") for s in seeds], FRESH_STARTS)
    fresh = _accuracy(dataset, invented, fresh_starts, settings)
    first = fresh if random else _accuracy(dataset, invented, (own.weights, own.biases), settings)
    rows = torch.stack(
        [real_rows(dataset.training.labels, settings.images // CLASSES, seed) for seed in seeds]
    )
    real = train_and_test(
        dataset,
        own,
        rows,
        HardLabels(dataset.training.labels, dataset.classes),
        TrainingSettings(settings.student_samples),
        monitor,
        "students",
    )
    reads = torch.stack([first, real.accuracy[:, 0]], dim=1)
    fresh_mean = mean_interval(fresh)
    table: list[Row] = [
        {
            "learned_from": "invented",
            **accuracy_columns(reads[:, 0], reads[:, 1]),
            "fresh_accuracy": fresh_mean.mean,
            "fresh_accuracy_ci": fresh_mean.half_width,
        },
        {
            "learned_from": "real",
            **accuracy_columns(reads[:, 1], None),
            "fresh_accuracy": None,
            "fresh_accuracy_ci": None,
        },
    ]
    return DistilledDataMeasured(
        table,
        reads,
        pictures=torch.stack(curve.pictures),
        improvements=tuple(curve.samples_seen),
        real=dataset.training.inputs[rows[0]],
        fresh_accuracy=fresh,
    )


def real_rows(labels: Tensor, each: int, seed: int) -> Tensor:
    """Draw as many training images of every class: rows ``[classes · each]``."""
    draw = generator(seed, "real images")
    chosen = []
    for label in range(CLASSES):
        rows = torch.nonzero(labels == label).flatten()
        chosen.append(rows[torch.randperm(len(rows), generator=draw)[:each]])
    return torch.stack(chosen, dim=1).flatten()


def _accuracy(
    dataset: Dataset, invented: Invented, starts: Layers, settings: DistilledDataSettings
) -> Tensor:
    """Return the test accuracy of networks that learn from each seed's images, ``[S]``."""
    seeds = len(invented.inputs)
    each = len(starts[0][0]) // seeds
    student = learned(
        starts,
        invented.inputs.repeat_interleave(each, dim=0),
        labels_of(settings.images, CLASSES, seeds).repeat_interleave(each, dim=0),
        invented.learning_rate.repeat_interleave(each, dim=0),
        settings.steps,
    )
    test = dataset.test
    logits = said(student, test.inputs.expand(seeds * each, -1, -1))[-1].mT
    right = (answers(logits) == test.labels).double().mean(-1)
    return right.view(seeds, each).mean(1)


# --------------------------------------------------------------------------- what a run says


def invented_teach_more(result: AnyResult) -> Judgement:
    """Invented images teach more than as many real ones.

    The figure is the difference in accuracy, paired over seeds.
    """
    gain = difference(result, LEARNED_FROM.index("invented"), LEARNED_FROM.index("real"))
    said = {row["learned_from"]: f"{100 * row['student_accuracy']:.1f}" for row in result.rows}
    return Judgement(from_verdict(verdict(gain)), gain, said)


def any_network_learns(result: AnyResult) -> Judgement:
    """The invented images teach any network, not only one with the start they were made for.

    The figure is how much more a network with another start gets from them than from real images.
    """
    measured: DistilledDataMeasured = result.measured
    gain = paired_difference(measured.fresh_accuracy, result.accuracy[:, 1])
    return Judgement(from_verdict(verdict(gain)), gain, {})


EXPERIMENT = Experiment(
    "distilled-data",
    DistilledDataSettings,
    distilled_data,
    page="without_data",
    over_hard_labels=False,
    named_by=("learned_from",),
    claims=(
        Claim("invented", invented_teach_more),
        Claim("any_network", any_network_learns),
    ),
)
