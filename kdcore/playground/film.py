"""The playground: three networks on points of the plane, filmed while they train.

The teacher is trained first and then the two students, as everywhere; the film shows the three
beside each other, each at the same share of its own training.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdcore.distillation import HardLabels, LearningCurve, Response, accuracy, layer_sizes
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.playground.own import OwnPoints, own_plane
from kdcore.playground.shapes import Plane, labels_per_class, plane
from kdcore.settings import (
    ALPHA,
    LABELS_PER_CLASS,
    PLANE_NOISE,
    PLANE_POINTS,
    SEED,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEMPERATURE,
    Parameter,
)
from kdcore.store import BoundedStore
from kdcore.training import Objective, Progress, TrainingSettings, train

#: Pictures of the training besides the one before it.
FRAMES = 60
#: Cells along each side of the plane: fine enough for a smooth boundary when drawn larger.
GRID = 40
#: The plane reaches a little beyond the outermost point.
MARGIN = 1.12
#: And farther where the learner places points, so that there is room for more.
ROOMY_MARGIN = 1.4
#: Samples each network sees at least; a set that is larger is passed through once a frame.
SAMPLES_SEEN = 12_000
#: Two inputs and few classes: larger steps than for the digits, or the spirals take too long.
LEARNING_RATE = 1e-2

_CHECKS: tuple[Parameter, ...] = (
    TEMPERATURE,
    ALPHA,
    TEACHER_HIDDEN,
    STUDENT_HIDDEN,
    LABELS_PER_CLASS,
    PLANE_NOISE,
    PLANE_POINTS,
    SEED,
)


@dataclass(frozen=True)
class PlaygroundSettings:
    """One teacher and two students on a set of points."""

    plane: str = "spirals"
    noise: float = 0.1
    points: int = 240
    temperature: float = 4.0
    alpha: float = 0.3
    teacher_hidden: tuple[int, ...] = (64,)
    student_hidden: tuple[int, ...] = (16,)
    labels_per_class: int = 5
    seed: int = 0
    #: The learner's points, in place of the named set.
    own: OwnPoints | None = None

    def __post_init__(self) -> None:
        for parameter in _CHECKS:
            checked = parameter.check(getattr(self, parameter.name))
            object.__setattr__(self, parameter.name, checked)

    def data(self) -> Plane:
        """Return the points that these settings describe."""
        if self.own is not None:
            return own_plane(self.own, self.seed)
        return plane(self.plane, self.points, self.noise, self.seed)


@dataclass(frozen=True, eq=False)
class Film:
    """What one network said of every cell of the grid, frame by frame; frame 0 is untrained."""

    #: ``[frames, GRID², classes − 1]``, float16: how far each logit is above that of the last
    #: class. Softmax cannot tell these differences from the logits, and they are one class less.
    logits: NDArray[np.float16]
    #: Accuracy on the points that are measured on, frame by frame.
    accuracy: tuple[float, ...]
    #: Training samples the network has seen, frame by frame.
    samples_seen: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PlaygroundResult:
    """Three films on one set of points."""

    settings: PlaygroundSettings
    seconds: float
    plane: Plane
    #: Half the width of the square that the grid covers, in standardised units around 0.
    reach: float
    teacher: Film
    hard: Film
    distilled: Film
    #: Rows of the training points whose labels the students saw.
    seen: Tensor
    #: The trained networks.
    teacher_stack: MLPStack
    students_stack: MLPStack

    @property
    def points_measured_on(self) -> int:
        """Points that stand behind each accuracy."""
        return len(self.plane.dataset.test)


def playground(settings: PlaygroundSettings, monitor: Monitor = SILENT) -> PlaygroundResult:
    """Train a teacher and two students, and film what they say of the whole plane.

    The hard-label student is the distilled one with α = 1: same first weights, same batches. So
    T and α change nothing about it.
    """
    started = time.perf_counter()
    data = settings.data()
    clicked = settings.own is not None and not data.held_out
    reach = (ROOMY_MARGIN if clicked else MARGIN) * max(
        float(part.inputs.abs().max()) for part in (data.dataset.training, data.dataset.test)
    )
    teacher_stack, teacher_film = _filmed_teacher(settings, data, reach, monitor)
    pool = data.dataset.training
    rows = labels_per_class(pool.labels, settings.labels_per_class, settings.seed)
    students = MLPStack.initialise(
        layer_sizes(data.dataset, settings.student_hidden), [settings.seed], conditions=2
    )
    objective = Response(
        pool.labels,
        teacher_stack.logits(pool.inputs)[:, 0],
        (settings.temperature, settings.temperature),
        (1.0, settings.alpha),
    )
    hard, distilled = _filmed(students, data, rows, objective, reach, monitor, "students")
    return PlaygroundResult(
        settings=settings,
        seconds=time.perf_counter() - started,
        plane=data,
        reach=reach,
        teacher=teacher_film,
        hard=hard,
        distilled=distilled,
        seen=rows,
        teacher_stack=teacher_stack,
        students_stack=students,
    )


def grid(reach: float) -> Tensor:
    """Return the centres of the cells ``[GRID², 2]``, row by row from the bottom left."""
    axis = (torch.arange(GRID) + 0.5) / GRID * 2 * reach - reach
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


_TeacherKey = tuple[object, ...]
_teachers: BoundedStore[_TeacherKey, tuple[MLPStack, Film]] = BoundedStore(capacity=16)


def _filmed_teacher(
    settings: PlaygroundSettings, data: Plane, reach: float, monitor: Monitor
) -> tuple[MLPStack, Film]:
    """Return the teacher, a known one if there is: T, α and the students do not concern it."""
    which = settings.own or (settings.plane, settings.noise, settings.points)
    key: _TeacherKey = (which, settings.teacher_hidden, settings.seed)
    if (known := _teachers.get(key)) is not None:
        return known
    pool = data.dataset.training
    stack = MLPStack.initialise(layer_sizes(data.dataset, settings.teacher_hidden), [settings.seed])
    objective = HardLabels(pool.labels, data.dataset.classes)
    rows = torch.arange(len(pool))
    (film,) = _filmed(stack, data, rows, objective, reach, monitor, "teacher")
    _teachers.put(key, (stack, film))
    return stack, film


def _filmed(
    stack: MLPStack,
    data: Plane,
    rows: Tensor,
    objective: Objective,
    reach: float,
    monitor: Monitor,
    stage: str,
) -> list[Film]:
    """Train the networks of one seed on some rows; return the film of each."""
    cells, pool, test = grid(reach), data.dataset.training, data.dataset.test
    passes = -(-SAMPLES_SEEN // (FRAMES * len(rows)))  # through the points, for each frame
    settings = TrainingSettings(FRAMES * passes * len(rows), learning_rate=LEARNING_RATE)
    logits, measured, samples_seen = [], LearningCurve(), [0]

    def film() -> None:
        said = stack.logits(cells)[0]  # [C, GRID², classes]
        logits.append((said[..., :-1] - said[..., -1:]).half().numpy())
        measured.accuracy.append(accuracy(stack.logits(test.inputs), test.labels)[0])

    def on_epoch(progress: Progress) -> None:
        # A pass may end within a batch, up to one step before its share of the steps is done. The
        # last frame waits for the last step, so that it shows the trained networks.
        due = len(samples_seen)
        reached = progress.fraction * FRAMES >= due - FRAMES / settings.steps
        if progress.fraction == 1 or (due < FRAMES and reached):
            samples_seen.append(progress.samples_seen)
            film()
        monitor.report(stage, progress.fraction, measured)

    film()
    train(stack, pool.inputs, rows[None], objective, settings, on_epoch, monitor.is_cancelled)
    return [
        Film(
            np.stack([frame[c] for frame in logits]),
            tuple(float(frame[c]) for frame in measured.accuracy),
            tuple(samples_seen),
        )
        for c in range(len(stack))
    ]
