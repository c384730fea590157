"""Decision boundaries: three networks on points of the plane, filmed while they train.

The teacher is trained first and then the two students, as everywhere; the film shows the three
beside each other, each at the same share of its own training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.distillation import HardLabels, Response, layer_sizes
from kdcore.experiments.result import Experiment, Measured, Result, accuracy_columns
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.playground.film import SAMPLES_SEEN, Film, filmed
from kdcore.playground.own import OwnPoints, own_plane
from kdcore.playground.shapes import PLANES, Plane, labels_per_class, plane
from kdcore.settings import (
    ALPHA,
    LABELS_PER_CLASS,
    PLANE_NOISE,
    PLANE_POINTS,
    SEED,
    SPLIT,
    STUDENT_HIDDEN,
    STUDENT_SAMPLES,
    TEACHER_HIDDEN,
    TEACHER_WIDTHS,
    TEMPERATURE,
    CheckedSettings,
    Name,
    setting,
)
from kdcore.store import BoundedStore

PLANE = Name("plane", tuple(PLANES), "spirals")

#: The plane reaches a little beyond the outermost point.
MARGIN = 1.12
#: And farther where the learner places points, so that there is room for more.
ROOMY_MARGIN = 1.4


@dataclass(frozen=True, kw_only=True)
class PlaygroundSettings(CheckedSettings):
    """One teacher and two students on a set of points."""

    plane: str = setting(PLANE)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    teacher_hidden: tuple[int, ...] = setting(
        TEACHER_HIDDEN, (64,), offered=TEACHER_WIDTHS, as_slider=True
    )
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (16,))
    labels_per_class: int = setting(LABELS_PER_CLASS)
    points: int = setting(PLANE_POINTS)
    noise: float = setting(PLANE_NOISE)
    seed: int = setting(SEED)
    student_samples: int = setting(STUDENT_SAMPLES, SAMPLES_SEEN)
    #: Draws anew the points that are measured on.
    split: int = setting(SPLIT)
    #: The learner's points, in place of the named set.
    own: OwnPoints | None = None

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seed of the run."""
        return (self.seed,)

    def texts(self) -> dict[str, str]:
        """Return every setting as text; of the learner's points only how many there are."""
        return super().texts() | ({} if self.own is None else {"own": str(len(self.own.points))})

    def work(self) -> float:
        # A second, half of it for the students unless they train longer.
        return 5e8 * (1 + self.student_samples / SAMPLES_SEEN)

    def data(self) -> Plane:
        """Return the points that these settings describe."""
        if self.own is not None:
            return own_plane(self.own, self.seed, self.split)
        return plane(self.plane, self.points, self.noise, self.seed, self.split)


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredFilms(Measured):
    """Three films on one set of points."""

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


PlaygroundResult = Result[PlaygroundSettings, MeasuredFilms]


def playground(settings: PlaygroundSettings, monitor: Monitor = SILENT) -> MeasuredFilms:
    """Train a teacher and two students, and film what they say of the whole plane.

    The hard-label student is the distilled one with α = 1: same first weights, same batches. So
    T and α change nothing about it.
    """
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
    hard, distilled = filmed(
        students, data, rows, objective, reach, monitor, "students", settings.student_samples
    )
    films = {"teacher": teacher_film, "hard": hard, "distilled": distilled}
    ends = torch.tensor([[film.accuracy[-1] for film in films.values()]], dtype=torch.float64)
    return MeasuredFilms(
        rows=[
            {"network": who, **accuracy_columns(own, None)}
            for who, own in zip(films, ends.unbind(1), strict=True)
        ],
        accuracy=ends,
        plane=data,
        reach=reach,
        teacher=teacher_film,
        hard=hard,
        distilled=distilled,
        seen=rows,
        teacher_stack=teacher_stack,
        students_stack=students,
    )


_TeacherKey = tuple[object, ...]
_teachers: BoundedStore[_TeacherKey, tuple[MLPStack, Film]] = BoundedStore(capacity=16)


def _filmed_teacher(
    settings: PlaygroundSettings, data: Plane, reach: float, monitor: Monitor
) -> tuple[MLPStack, Film]:
    """Return the teacher, a known one if there is: T, α and the students do not concern it."""
    which = settings.own or (settings.plane, settings.noise, settings.points)
    key: _TeacherKey = (which, settings.teacher_hidden, settings.seed, settings.split)
    if (known := _teachers.get(key)) is not None:
        return known
    pool = data.dataset.training
    stack = MLPStack.initialise(layer_sizes(data.dataset, settings.teacher_hidden), [settings.seed])
    objective = HardLabels(pool.labels, data.dataset.classes)
    rows = torch.arange(len(pool))
    (film,) = filmed(stack, data, rows, objective, reach, monitor, "teacher")
    _teachers.put(key, (stack, film))
    return stack, film


EXPERIMENT = Experiment(
    "playground",
    PlaygroundSettings,
    playground,
    page="boundaries",
    named_by=("network",),
    data="points",
)
