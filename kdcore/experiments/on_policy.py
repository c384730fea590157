"""Today 5: who writes, who corrects? A pen, its teacher, and three students."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from kdcore.claims import Claim, Judgement, from_verdict
from kdcore.distillation import Shared
from kdcore.experiments.result import AnyResult, Experiment, Measured, Row, accuracy_columns
from kdcore.losses import kl_divergence
from kdcore.memory import LEAST_RUN_BYTES
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import LearningCurve, Monitor
from kdcore.plans import Plan, planned
from kdcore.randomness import generator, in_split
from kdcore.settings import (
    STUDENT_HIDDEN,
    STUDENT_SAMPLES,
    Name,
    Number,
    Settings,
    Steps,
    setting,
)
from kdcore.statistics import Interval, mean_interval, paired_difference, verdict
from kdcore.today.pen import (
    BATCH,
    DIRECTIONS,
    DRAWINGS,
    LEARNING_RATE,
    TOKENS,
    WARM_UP,
    Corrected,
    first_positions,
    left_lane,
    students_hand,
    teacher_logits,
    write,
)
from kdcore.training import Progress, TrainingSettings, train
from kdcore.words import Refusal

#: Whose drawings are corrected, row by row; the first is the baseline.
DATA = ("off-policy", "on-policy", "jittered")
#: What is measured of each, all of them the better the lower.
FIGURES = ("kl_teacher_path", "kl_own_path", "left_lane")

#: Drawings that each student is measured on.
TEST_DRAWINGS = 64

#: As many as a student of any experiment may see samples.
PEN_STEPS = Number(
    "steps",
    -(-STUDENT_SAMPLES.minimum // BATCH),
    -(-STUDENT_SAMPLES.maximum // BATCH),
    1_000,
    (500, 1_000, 2_000),
    whole=True,
)
#: Positions that a student is corrected at: it says the same as the steps, and pages offer these.
PEN_SAMPLES = replace(STUDENT_SAMPLES, default=PEN_STEPS.default * BATCH, offered=())
KEPT = Number("kept", 1, 16, 4, (1, 2, 4, 8), whole=True)
JITTER = Number("jitter", 0, 1, 0.3, Steps(0.0, 0.6, 0.1))
DIRECTION = Name("direction", ("reverse", "forward"), "reverse")
_SHAPES = ((4,), (8,), (16,), (32,), (64,))


@dataclass(frozen=True, kw_only=True)
class OnPolicySettings(Settings):
    """What is compared: students corrected on whose drawings.

    How long they train is said by ``steps`` or by ``student_samples``, 32 a step: whoever sets one
    of them has set the other. ``split`` draws the drawings anew that they are tested on.
    """

    inputs: ClassVar[int] = 2
    outputs: ClassVar[int] = DIRECTIONS

    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (8,), offered=_SHAPES)
    steps: int = setting(PEN_STEPS)
    kept: int = setting(KEPT)
    jitter: float = setting(JITTER)
    direction: str = setting(DIRECTION)
    student_samples: int = setting(PEN_SAMPLES)

    def check_together(self) -> None:
        steps = TrainingSettings(self.student_samples, BATCH).steps
        if self.steps == steps:
            return
        if self.steps == PEN_STEPS.default:
            object.__setattr__(self, "steps", steps)
        elif self.student_samples == PEN_SAMPLES.default:
            object.__setattr__(self, "student_samples", self.steps * BATCH)
        else:
            raise Refusal("steps_or_samples", steps=self.steps, samples=self.student_samples)

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Build settings from ``key=value`` texts; steps and samples that differ are refused."""
        settings = super().from_texts(texts)
        for parameter in (PEN_STEPS, PEN_SAMPLES):
            said = texts.get(parameter.name)
            if said is not None and parameter.parse(said) != getattr(settings, parameter.name):
                raise Refusal(
                    "steps_or_samples", steps=texts["steps"], samples=texts["student_samples"]
                )
        return settings

    def work(self) -> float:
        parameters = parameter_count(self.layer_sizes(self.student_hidden))
        students = self.seeds * len(DATA)
        # A round of drawings asks the students once for what it trains them on.
        return 4.0 * parameters * students * self.steps * BATCH

    def memory(self) -> float:
        # Measured: what a seed's drawings take, and its students on them.
        return LEAST_RUN_BYTES + 6 * 2**20 * self.seeds


@dataclass(frozen=True, eq=False, kw_only=True)
class OnPolicyMeasured(Measured):
    """The table, the figures behind it, and the first seed's students with some drawings."""

    #: Each of :data:`FIGURES` by seed and row, ``[S, rows]``.
    figures: dict[str, Tensor]
    #: The first seed's students, one network a row.
    students: tuple[MLPStack, ...]
    #: Where the teacher's pen was, and each student's, in the first seed's test drawings:
    #: ``[TEST_DRAWINGS, TOKENS + 1, 2]``.
    teacher_path: Tensor
    own_paths: tuple[Tensor, ...]


@planned
def on_policy(settings: OnPolicySettings) -> Plan[OnPolicyMeasured]:
    """Correct three students, on the teacher's drawings, on their own, on jittered ones.

    All start alike and learn from the teacher's drawings first. Then the *off-policy* student goes
    on with these; the *on-policy* one draws itself, and the teacher says at each position where it
    would have gone; the *jittered* one gets the teacher's drawings with every position moved by
    N(0, jitter²), and what the teacher would do there. The same number of corrections for all.

    ``kl_teacher_path`` is how far the student is from its teacher where the teacher goes,
    ``kl_own_path`` where the student itself goes, in the KL that it was trained with, in nats a
    token; ``left_lane`` is the share of its drawings that ever leave the lane. All are the better
    the lower, and the gain of each is how much lower than off-policy it is. The accuracy of a pen
    is the share of its drawings that stay in the lane.

    Notes
    -----
    Agarwal et al. (2024), *On-policy distillation of language models*. The jitter is that of
    Laskey et al. (2017), *DART: noise injection for robust imitation learning*, in its simplest
    form: the positions move, and the teacher walks on undisturbed.
    """
    (students,) = yield [Pens(settings)]
    return _measure(students.stack, settings)


@dataclass(frozen=True, eq=False)
class Hands:
    """Students that have learned to draw."""

    #: The students of each of :data:`DATA`, one behind the other, each with the same seeds.
    stack: MLPStack
    #: Nothing is measured while they learn.
    curve: LearningCurve = field(default_factory=LearningCurve)


@dataclass(frozen=True, eq=False)
class Pens:
    """The three students of each seed, to be trained, perhaps with those of other runs."""

    settings: OnPolicySettings
    stage: ClassVar[str] = "students"

    @property
    def alike(self) -> Hashable:
        """What trainings must have in common to be trained as one."""
        settings = self.settings
        return Pens, settings.student_hidden, settings.steps, settings.kept, settings.direction

    @property
    def key(self) -> Hashable:
        """Equal keys are the same training: the split is for the test alone."""
        return replace(self.settings, split=0)

    @property
    def work(self) -> float:
        """Multiply-adds."""
        return self.settings.work()

    def train_with(self, others: Sequence[Pens], monitors: Sequence[Monitor]) -> list[Hands]:
        """Train this one and others that are alike as one; see :mod:`kdcore.plans`."""
        runs = [each.settings for each in (self, *others)]
        seeds = [seed for run in runs for seed in run.seed_numbers]
        layers = self.settings.layer_sizes(self.settings.student_hidden)
        stack = MLPStack.initialise(layers, seeds * len(DATA))
        objective = Corrected(
            stack, _Rounds(runs, stack), self.settings.kept, self.settings.direction == "reverse"
        )
        monitor = Shared(monitors, [run.seeds for run in runs])

        def on_epoch(progress: Progress) -> None:
            monitor.report(self.stage, progress.fraction, LearningCurve())

        train(
            stack,
            objective.pool,
            objective.rows,
            objective,
            TrainingSettings(self.settings.steps * BATCH, BATCH, LEARNING_RATE),
            on_epoch,
            monitor.is_cancelled,
        )
        own = torch.arange(len(stack)).view(len(DATA), -1).split([run.seeds for run in runs], 1)
        return [Hands(_some_of(stack, models.flatten())) for models in own]


def _some_of(stack: MLPStack, models: Tensor) -> MLPStack:
    """Return a stack with a copy of some networks, each the only one of its seed."""
    return MLPStack(
        stack.layer_sizes,
        tuple(stack.seeds[model] for model in models.tolist()),
        1,
        [weight[models] for weight in stack.weights],
        [bias[models] for bias in stack.biases],
    )


class _Rounds:
    """Draws one round after another for all students of some runs, paired by seed."""

    def __init__(self, runs: Sequence[OnPolicySettings], stack: MLPStack) -> None:
        seeds = [(seed, run.jitter) for run in runs for seed in run.seed_numbers]
        self._draws = [generator(seed, "drawings") for seed, _ in seeds]
        self._jitters = [generator(seed, "jitter") for seed, _ in seeds]
        self._jitter = torch.tensor([jitter for _, jitter in seeds]).view(-1, 1, 1, 1)
        # Alike in all of them.
        self._warm_up = WARM_UP * runs[0].steps
        self._stack = stack

    def __call__(self, steps: int) -> Tensor:
        begin, uniform = draw_chances(self._draws, DRAWINGS)
        teachers = write(teacher_logits, begin, uniform)[..., :-1, :]  # [S, drawings, tokens, 2]
        shape = teachers.shape[1:]
        jitter = torch.stack([torch.randn(shape, generator=draw) for draw in self._jitters])
        if steps < self._warm_up:
            return torch.stack([teachers] * len(DATA))
        own = self._own(begin, uniform)[..., :-1, :]
        return torch.stack([teachers, own, teachers + self._jitter * jitter])

    def _own(self, begin: Tensor, uniform: Tensor) -> Tensor:
        """Let the on-policy students draw, with the same chances as their teacher."""
        seeds, row = len(self._draws), DATA.index("on-policy")
        students = _some_of(self._stack, torch.arange(row * seeds, (row + 1) * seeds))
        return write(students_hand(students), begin, uniform)


def draw_chances(draws: list[torch.Generator], drawings: int) -> tuple[Tensor, Tensor]:
    """Draw where some drawings begin, ``[S, drawings, 2]``, and what chance says, token by token.

    Returns
    -------
    begin, uniform : Tensor
        As :func:`~kdcore.today.pen.write` takes them.
    """
    begin = torch.stack([first_positions(drawings, draw) for draw in draws])
    uniform = [torch.rand(TOKENS, drawings, generator=draw) for draw in draws]
    return begin, torch.stack(uniform, dim=1)


def _measure(stack: MLPStack, settings: OnPolicySettings) -> OnPolicyMeasured:
    """Let teacher and students draw once more, and compare them where each goes."""
    S, kinds = settings.seeds, len(DATA)
    purpose = in_split("test drawings", settings.split)
    draws = [generator(seed, purpose) for seed in settings.seed_numbers]
    begin, uniform = draw_chances(draws, TEST_DRAWINGS)
    hand = students_hand(stack)
    teachers = write(teacher_logits, begin, uniform)
    own = write(hand, begin.repeat(kinds, 1, 1), uniform.repeat(1, kinds, 1))

    def kl_along(path: Tensor) -> Tensor:
        positions = path[..., :-1, :].flatten(1, 2)
        student, teacher = hand(positions), teacher_logits(positions)
        pair = (student, teacher) if settings.direction == "reverse" else (teacher, student)
        return kl_divergence(*pair).view(kinds, S).T.double()

    figures = {
        "kl_teacher_path": kl_along(teachers.repeat(kinds, 1, 1, 1)),
        "kl_own_path": kl_along(own),
        "left_lane": left_lane(own).double().mean(-1).view(kinds, S).T,
    }
    rows: list[Row] = []
    for i, name in enumerate(DATA):
        stays = 1 - figures["left_lane"]
        row: Row = {"data": name, **accuracy_columns(stays[:, i], stays[:, 0] if i else None)}
        for figure, values in figures.items():
            mean = mean_interval(values[:, i])
            row |= {figure: mean.mean, f"{figure}_ci": mean.half_width}
        for figure, values in figures.items():
            lower = paired_difference(values[:, 0], values[:, i]) if i else None
            row |= {
                f"{figure}_gain": None if lower is None else lower.mean,
                f"{figure}_gain_ci": None if lower is None else lower.half_width,
                f"{figure}_verdict": None if lower is None else verdict(lower),
            }
        rows.append(row)
    return OnPolicyMeasured(
        rows,
        1 - figures["left_lane"],
        figures=figures,
        students=tuple(stack.network(i * S) for i in range(kinds)),
        teacher_path=teachers[0],
        own_paths=tuple(own.view(kinds, S, *own.shape[1:])[:, 0]),
    )


# --------------------------------------------------------------------------- what a run says


def lower_by(result: AnyResult, figure: str, first: str, second: str) -> Interval:
    """Return how much lower a figure is for one row than for another, paired over seeds."""
    values = result.measured.figures[figure]
    return paired_difference(values[:, DATA.index(second)], values[:, DATA.index(first)])


def pen_pattern(result: AnyResult) -> Literal["on-policy", "jittered", "alike", "nothing"]:
    """Say whose drawings keep a student's pen in the lane, by how many of its own leave it.

    ``"on-policy"`` or ``"jittered"``: fewer than off-policy and fewer than the other; ``"alike"``:
    both are better than off-policy and cannot be told apart; ``"nothing"``: neither is better.
    """
    better = {row["data"]: row["left_lane_verdict"] == "helps" for row in result.rows[1:]}
    if not any(better.values()):
        return "nothing"
    against = verdict(lower_by(result, "left_lane", "on-policy", "jittered"))
    if better["on-policy"] and (against == "helps" or not better["jittered"]):
        return "on-policy"
    if better["jittered"] and (against == "hurts" or not better["on-policy"]):
        return "jittered"
    return "alike"


def own_drawings_help(result: AnyResult) -> Judgement:
    """A student that is corrected on its own drawings keeps to the lane better.

    The figure is how many fewer of its drawings leave the lane than off-policy; the verdict is the
    table's.
    """
    fewer = lower_by(result, "left_lane", "on-policy", "off-policy")
    same = lower_by(result, "kl_teacher_path", "on-policy", "off-policy")
    said = result.rows[DATA.index("on-policy")]["left_lane_verdict"]
    return Judgement(from_verdict(said), fewer, {"teacher_path": same.signed(3)})


def own_drawings_beat_jitter(result: AnyResult) -> Judgement:
    """It must be the student's own drawings: jittered ones of its teacher do not do as well.

    The figure is how many fewer drawings leave the lane than with jitter.
    """
    fewer = lower_by(result, "left_lane", "on-policy", "jittered")
    return Judgement(from_verdict(verdict(fewer)), fewer, {})


EXPERIMENT = Experiment(
    "on-policy",
    OnPolicySettings,
    on_policy,
    page="on_policy",
    over_hard_labels=False,
    named_by=("data",),
    claims=(
        Claim("own_drawings", own_drawings_help),
        Claim("own_or_jitter", own_drawings_beat_jitter),
    ),
    data="strokes",
    merges_over=("jitter", "seeds", "first_seed", "split"),
)
