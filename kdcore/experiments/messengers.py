"""Today 1, the messenger: what should a teacher be asked about?"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kdcore.claims import Claim, Judgement, from_verdict
from kdcore.data import CLASSES, digits
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
)
from kdcore.experiments.subliminal import AUXILIARY, HIDDEN, NOISE_IMAGES, OFFERED_SAMPLES
from kdcore.memory import BYTES_A_NUMBER
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import SEEDS, STUDENT_HIDDEN, STUDENT_SAMPLES, Settings, setting
from kdcore.today.inputs import NOISES, draw_inputs
from kdcore.today.subliminal import (
    SAMPLES,
    TEACHER_TRAINING,
    outputs_of,
    train_students,
    train_teachers,
)


@dataclass(frozen=True, kw_only=True)
class MessengersSettings(Settings):
    """What is compared: what a student that shares its teacher's start is shown."""

    auxiliary: int = setting(AUXILIARY)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (128,), offered=HIDDEN)
    seeds: int = setting(SEEDS, 7)
    student_samples: int = setting(STUDENT_SAMPLES, SAMPLES, offered=OFFERED_SAMPLES)

    def work(self) -> float:
        teacher = self.training_work(self.student_hidden, 1, TEACHER_TRAINING.samples_seen)
        return teacher + self.student_work(self.student_hidden, len(NOISES))

    @property
    def own_bytes(self) -> int:
        """Each seed's inputs of every kind: drawn, laid together, and what is said of them."""
        return 10 * BYTES_A_NUMBER // 4 * len(NOISES) * NOISE_IMAGES * self.inputs


def messengers(settings: MessengersSettings, monitor: Monitor = SILENT) -> Measured:
    """Teach the same student through the same outputs on each kind of input.

    All students start where their teacher did. They see N(0, 1) noise, other noise, images of one
    grey, digits with their pixels shuffled, or the digits themselves, and match the teacher's
    auxiliary outputs on them.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    pool = dataset.training
    sizes = (pool.inputs.shape[1], *settings.student_hidden, CLASSES + settings.auxiliary)
    teachers = MLPStack.initialise(sizes, seeds)
    train_teachers(dataset, teachers, pool.labels, monitor)
    kinds = [draw_inputs(kind, pool.inputs, NOISE_IMAGES, seeds) for kind in NOISES.values()]
    # What students see is shared by the conditions of a seed; here it is the condition. So each
    # seed stands once for every kind, with the same weights and batches.
    students = train_students(
        dataset,
        MLPStack.initialise(sizes, seeds * len(kinds)),
        torch.cat(kinds),
        torch.cat([outputs_of(teachers, inputs) for inputs in kinds]),
        settings.student_samples,
        monitor,
    )
    reads = students.accuracy.view(len(kinds), len(seeds)).T
    rows: list[Row] = [
        {"inputs": name, **accuracy_columns(reads[:, i], reads[:, 0] if i else None)}
        for i, name in enumerate(NOISES)
    ]
    return Measured(rows, reads)


# --------------------------------------------------------------------------- what a run says


def digits_carry_more(result: AnyResult) -> Judgement:
    """Real digits carry more of what a teacher knows of digits than noise does.

    The figure is how much better the student that saw digits reads digits than the one that saw
    N(0, 1) noise; the verdict is the table's.
    """
    rows = {row["inputs"]: row for row in result.rows}
    said = {name: f"{100 * row['student_accuracy']:.1f}" for name, row in rows.items()}
    own = rows["digits"]
    return Judgement(from_verdict(own["verdict"]), result.interval(own, "gain"), said)


EXPERIMENT = Experiment(
    "messengers",
    MessengersSettings,
    messengers,
    page="secret_in_noise",
    over_hard_labels=False,
    named_by=("inputs",),
    claims=(Claim("messenger", digits_carry_more),),
)
