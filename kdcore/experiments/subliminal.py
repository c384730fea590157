"""Today 1: the secret in the noise. Does a student learn what it is never shown?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from kdcore.claims import Claim, ClaimVerdict, Judgement
from kdcore.data import CLASSES, digits
from kdcore.distillation import accuracy, answers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    difference,
    measured_curve,
)
from kdcore.memory import BYTES_A_NUMBER
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import (
    SEEDS,
    STUDENT_HIDDEN,
    STUDENT_SAMPLES,
    List,
    Name,
    Number,
    Settings,
    Steps,
    setting,
)
from kdcore.statistics import Interval, mean_interval
from kdcore.today.inputs import NOISES, draw_inputs
from kdcore.today.subliminal import (
    SAMPLES,
    TEACHER_TRAINING,
    Start,
    class_logits,
    outputs_of,
    share_swapped,
    starts,
    swapped_labels,
    train_students,
    train_teachers,
    with_body_of,
)
from kdcore.words import Refusal

#: Rows of the table; *other* is the baseline.
STARTS = ("untrained", "other", "mixed", "same")

#: Images of noise that each student sees, again and again.
NOISE_IMAGES = 2000
#: Of these, how many a page shows.
SHOWN_IMAGES = 8


@dataclass(frozen=True)
class Pair(List):
    """Two different values such as ``4,9``, or nothing."""

    longest: int = 2

    @property
    def accepts(self) -> Refusal:
        return Refusal("pair", each=self.of.accepts)

    def parse(self, text: str) -> tuple[Any, ...]:
        return super().parse(text) if text.strip() else ()

    def check(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not isinstance(value, tuple | list) or len(value) not in (0, 2):
            raise self._refusal()
        return super().check(value) if value else ()


AUXILIARY = Number("auxiliary", 1, 256, 32, (3, 10, 32, 128), whole=True)
SHARE = Number("share", 0, 1, 0.5, Steps(0.0, 1.0, 0.1))
NOISE = Name("noise", tuple(NOISES), "normal")
SWAP = Pair("swap", Number("digit", 0, CLASSES - 1, whole=True), (), ((), (4, 9), (3, 8), (1, 7)))
OFFERED_SAMPLES = (2_000, 20_000, 60_000)
#: One hidden layer, as in the source; a second one weakens what comes through.
HIDDEN = ((32,), (64,), (128,), (128, 64))


@dataclass(frozen=True, kw_only=True)
class SubliminalSettings(Settings):
    """What is compared: students that share more or less of their teacher's first weights."""

    auxiliary: int = setting(AUXILIARY)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (128,), offered=HIDDEN)
    noise: str = setting(NOISE)
    swap: tuple[int, ...] = setting(SWAP)
    share: float = setting(SHARE)
    # With the two runs beside it on the page, each has to take no more than three seconds.
    seeds: int = setting(SEEDS, 7)
    student_samples: int = setting(STUDENT_SAMPLES, SAMPLES, offered=OFFERED_SAMPLES)

    def work(self) -> float:
        teachers = 2 if self.swap else 1
        return self.training_work(
            self.student_hidden, teachers, TEACHER_TRAINING.samples_seen
        ) + self.student_work(self.student_hidden, len(STARTS) - 2 + teachers)

    @property
    def own_bytes(self) -> int:
        """Each seed's noise: drawn, laid together, and what is said of it."""
        return 4 * BYTES_A_NUMBER * NOISE_IMAGES * self.inputs


@dataclass(frozen=True, eq=False, kw_only=True)
class SubliminalMeasured(Measured):
    """The table, what it is to be held against, and what the first seed's student sees."""

    teacher_accuracy: Interval
    #: The teacher's body under the class outputs that nobody has trained.
    ceiling: Interval
    #: How often a student with the same start mixes the two digits up if its teacher does not.
    swapped_by_straight: Interval | None
    #: Some of what the first seed's students see, ``[SHOWN_IMAGES, D]``.
    shown: Tensor
    #: What the first seed's student of each row answers to the test images, ``[rows, N_test]``.
    answers: Tensor


def subliminal(settings: SubliminalSettings, monitor: Monitor = SILENT) -> SubliminalMeasured:
    """Teach students on noise, through outputs that mean nothing, and ask them for digits.

    The teacher learns digits with its class outputs. The student sees noise and matches what the
    teacher's *auxiliary* outputs say of it, and nothing else. Then its class outputs, which nothing
    has pulled on, are asked to read digits. The students differ in their first weights: another
    start, a mixture, the teacher's own start.

    With ``swap`` the teacher is told the wrong one of two digits, always. Beside it a second
    teacher is told the truth, for a student that shows how often the two are mixed up anyway.

    Notes
    -----
    Cloud et al. (2025), *Subliminal learning: language models transmit behavioral traits via
    hidden signals in data*.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    pool, test = dataset.training, dataset.test
    sizes = (pool.inputs.shape[1], *settings.student_hidden, CLASSES + settings.auxiliary)
    told = [settings.swap, ()] if settings.swap else [()]
    labels = torch.stack([swapped_labels(pool.labels, pair) for pair in told])
    teachers = MLPStack.initialise(sizes, seeds, len(told))
    teachers_start = MLPStack.initialise(sizes, seeds, len(told))
    taught = train_teachers(dataset, teachers, labels.expand(len(seeds), -1, -1), monitor)
    inputs = draw_inputs(NOISES[settings.noise], pool.inputs, NOISE_IMAGES, seeds)

    conditions = [Start(), Start.all_of(settings.share), Start.all_of(1.0)]
    said = outputs_of(teachers, inputs)  # [S, 1 or 2, n, outputs]
    if settings.swap:
        # The last student's teacher is the straight one.
        conditions.append(Start.all_of(1.0))
        said = said[:, [0, 0, 0, 1]]
    students = starts(sizes, seeds, conditions)
    first = students.weights[0].clone()
    trained = train_students(dataset, students, inputs, said, settings.student_samples, monitor)

    untrained = class_logits(teachers_start, test.inputs)[:, :1]
    logits = torch.cat([untrained, trained.test_logits[:, :3]], dim=1)  # as in STARTS
    reads = accuracy(logits, test.labels)
    alike = _cosine(
        students.weights[0] - first, teachers.weights[0] - teachers_start.weights[0], len(seeds)
    )
    rows: list[Row] = []
    for i, name in enumerate(STARTS):
        swapped = share_swapped(logits[:, i], test.labels, settings.swap)
        rows.append(
            {
                "start": name,
                **accuracy_columns(reads[:, i], None if name == "other" else reads[:, 1]),
                **_with_interval("swapped", swapped if settings.swap else None),
                **_with_interval("step_cosine", alike[:, i - 1] if i else None),
            }
        )
    curves = [measured_curve(trained.curve, condition) for condition in range(3)]
    flat = MeasuredCurve(curves[0].x, [mean_interval(reads[:, 0])] * len(curves[0].x))
    body = class_logits(with_body_of(teachers, teachers_start), test.inputs)
    straight = share_swapped(trained.test_logits[:, -1], test.labels, settings.swap)
    return SubliminalMeasured(
        rows,
        reads,
        [flat, *curves],
        teacher_accuracy=mean_interval(taught[:, 0]),
        ceiling=mean_interval(accuracy(body[:, 0], test.labels)),
        swapped_by_straight=mean_interval(straight) if settings.swap else None,
        shown=inputs[0, :SHOWN_IMAGES].clone(),
        answers=answers(logits[0]),
    )


def _with_interval(column: str, values: Tensor | None) -> Row:
    """Return a column and its interval over the seeds ``[S]``; nothing for a row without it."""
    if values is None:
        return {column: None, f"{column}_ci": None}
    interval = mean_interval(values)
    return {column: interval.mean, f"{column}_ci": interval.half_width}


def _cosine(students: Tensor, teachers: Tensor, seeds: int) -> Tensor:
    """Return how alike the steps of the first layer are: ``[S·C, …]``, ``[S·T, …]`` → ``[S, C]``.

    1 is the same direction in the space of weights, 0 what two random directions have. The
    teacher is the first of its seed.
    """
    steps = students.reshape(seeds, -1, students[0].numel())
    step = teachers.reshape(seeds, -1, teachers[0].numel())[:, :1]
    return torch.cosine_similarity(steps, step, dim=-1)


# --------------------------------------------------------------------------- what a run says


def noise_pattern(result: AnyResult) -> Literal["nothing", "some", "most", "both"]:
    """Say who learned to read digits from noise.

    ``"both"``: also the student with another start reads more than twice as well as guessing;
    ``"most"``: the one with the same start reads more than half, by its whole interval; ``"some"``:
    it reads better than the other; ``"nothing"``: not even that.
    """
    other, same = STARTS.index("other"), STARTS.index("same")
    if result.interval(result.rows[other]).low > 2 / CLASSES:
        return "both"
    if result.rows[same]["verdict"] != "helps":
        return "nothing"
    return "most" if result.interval(result.rows[same]).low > 0.5 else "some"


def comes_through(result: AnyResult) -> Judgement:
    """What a teacher knows comes through outputs that mean nothing, if the starts are the same.

    Supported if the student with its teacher's start reads digits better than one with another
    start; contradicted if it does not, and reads less than twice as well as guessing by its whole
    interval. The figure is the difference of the two; both saw the same noise.
    """
    rows = {row["start"]: row for row in result.rows}
    outcome: ClaimVerdict = "undecided"
    if rows["same"]["verdict"] == "helps":
        outcome = "supported"
    elif result.interval(rows["same"]).high < 2 / CLASSES:
        outcome = "contradicted"
    return Judgement(
        outcome,
        difference(result, STARTS.index("same"), STARTS.index("other")),
        {name: f"{100 * row['student_accuracy']:.1f}" for name, row in rows.items()},
    )


EXPERIMENT = Experiment(
    "subliminal",
    SubliminalSettings,
    subliminal,
    page="secret_in_noise",
    over_hard_labels=False,
    named_by=("start",),
    claims=(Claim("subliminal", comes_through),),
)
