"""Today 1, taken apart: which of the first weights must be shared?"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kdcore.claims import Claim, ClaimVerdict, Judgement
from kdcore.data import CLASSES, digits
from kdcore.distillation import accuracy
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
)
from kdcore.experiments.subliminal import AUXILIARY, HIDDEN, NOISE_IMAGES, OFFERED_SAMPLES
from kdcore.memory import BYTES_A_NUMBER
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import SEEDS, STUDENT_HIDDEN, STUDENT_SAMPLES, Settings, setting
from kdcore.statistics import verdict
from kdcore.today.inputs import draw_inputs, normal_noise
from kdcore.today.subliminal import (
    SAMPLES,
    TEACHER_TRAINING,
    Start,
    class_logits,
    outputs_of,
    starts,
    train_students,
    train_teachers,
    with_body_of,
)

#: What is shared with the teacher's start, row by row; the first is the baseline.
SHARED = {
    "nothing": Start(),
    "body": Start(body=1.0),
    "class-outputs": Start(class_outputs=1.0),
    "auxiliary-outputs": Start(auxiliary_outputs=1.0),
    "all-outputs": Start(class_outputs=1.0, auxiliary_outputs=1.0),
    "everything": Start.all_of(1.0),
}
#: No student: the teacher's trained body under the class outputs it started with.
CEILING = "teacher-body"


@dataclass(frozen=True, kw_only=True)
class SubliminalPartsSettings(Settings):
    """What is compared: students that share some layers of their teacher's start only."""

    auxiliary: int = setting(AUXILIARY)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (128,), offered=HIDDEN)
    seeds: int = setting(SEEDS, 7)
    student_samples: int = setting(STUDENT_SAMPLES, SAMPLES, offered=OFFERED_SAMPLES)

    def work(self) -> float:
        teacher = self.training_work(self.student_hidden, 1, TEACHER_TRAINING.samples_seen)
        return teacher + self.student_work(self.student_hidden, len(SHARED))

    @property
    def own_bytes(self) -> int:
        """Each seed's noise: drawn, laid together, and what is said of it."""
        return 6 * BYTES_A_NUMBER * NOISE_IMAGES * self.inputs


def subliminal_parts(settings: SubliminalPartsSettings, monitor: Monitor = SILENT) -> Measured:
    """Teach students on noise that share nothing, some layers, or all of their teacher's start.

    The *body* is every layer below the outputs; it is what learns in a student, whatever it
    starts from. The two groups of outputs are two sets of rows of the last layer. The auxiliary
    ones translate what the teacher says into what the body must become, the class outputs
    translate the body into digits: with the teacher's own of both, a body that started elsewhere
    is led to where the class outputs can read it.

    The last row is no student: the teacher's own trained body, read by the class outputs that it
    started with. It is the most that can come through.

    Notes
    -----
    Brockers et al. (2026), *Learning through noise: why subliminal learning works and when it
    fails*: with MNIST, outputs that fit are what it takes, and a matching start is not.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    test = dataset.test
    sizes = (
        dataset.training.inputs.shape[1],
        *settings.student_hidden,
        CLASSES + settings.auxiliary,
    )
    teachers = MLPStack.initialise(sizes, seeds)
    train_teachers(dataset, teachers, dataset.training.labels, monitor)
    inputs = draw_inputs(normal_noise, dataset.training.inputs, NOISE_IMAGES, seeds)
    students = train_students(
        dataset,
        starts(sizes, seeds, list(SHARED.values())),
        inputs,
        outputs_of(teachers, inputs),
        settings.student_samples,
        monitor,
    )
    body = class_logits(with_body_of(teachers, MLPStack.initialise(sizes, seeds)), test.inputs)
    reads = torch.cat([students.accuracy, accuracy(body, test.labels)], dim=1)
    rows: list[Row] = [
        {"shared": name, **accuracy_columns(reads[:, i], reads[:, 0] if i else None)}
        for i, name in enumerate((*SHARED, CEILING))
    ]
    return Measured(rows, reads)


# --------------------------------------------------------------------------- what a run says


def outputs_carry_it(result: AnyResult) -> Judgement:
    """Shared outputs alone let it through, and better than a shared body alone.

    Supported if a student that shares only its outputs reads digits better than one that shares
    nothing and better than one that shares only its body; contradicted if the shared body does
    better than the shared outputs. The figure is the difference of these two.
    """
    names = [row["shared"] for row in result.rows]
    outputs, body = names.index("all-outputs"), names.index("body")
    over_body = difference(result, outputs, body)
    over_nothing = result.rows[outputs]["verdict"]
    outcome: ClaimVerdict = "undecided"
    if verdict(over_body) == "hurts":
        outcome = "contradicted"
    elif verdict(over_body) == over_nothing == "helps":
        outcome = "supported"
    said = {
        name: f"{100 * result.rows[names.index(name)]['student_accuracy']:.1f}" for name in names
    }
    return Judgement(outcome, over_body, said)


EXPERIMENT = Experiment(
    "subliminal-parts",
    SubliminalPartsSettings,
    subliminal_parts,
    page="secret_in_noise",
    over_hard_labels=False,
    named_by=("shared",),
    claims=(Claim("shared_outputs", outputs_carry_it),),
)
