"""Feature distillation: a student that also matches a hidden layer of its teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import train_teachers
from kdcore.experiments.result import (
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    teacher_samples,
)
from kdcore.methods import LAST_HIDDEN, Hints, Task, regressor_parameters
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.settings import (
    GUIDED_LAYER,
    HINT_LAYER,
    HINT_WEIGHTS,
    LABELS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    Settings,
    setting,
)
from kdcore.statistics import mean_interval
from kdcore.words import Refusal


@dataclass(frozen=True, kw_only=True)
class FeatureSettings(Settings):
    """Which weights of the hint are compared, and between which layers it is given."""

    labels: int = setting(LABELS)
    hint_weights: tuple[float, ...] = setting(HINT_WEIGHTS)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN, (128, 64))
    #: Counted from the input, 0 is the last.
    hint_layer: int = setting(HINT_LAYER)
    guided_layer: int = setting(GUIDED_LAYER)

    def check_together(self) -> None:
        for name, hidden in (
            ("hint_layer", self.teacher_hidden),
            ("guided_layer", self.student_hidden),
        ):
            if getattr(self, name) > len(hidden):
                who = "teacher" if name == "hint_layer" else "student"
                raise Refusal(
                    "layer", name=name, layers=len(hidden), who=who, value=getattr(self, name)
                )

    @property
    def weights(self) -> tuple[float, ...]:
        """The hint weight of each row; the baseline has none."""
        return (0.0, *(weight for weight in self.hint_weights if weight))

    @property
    def widths(self) -> tuple[int, int]:
        """Widths of the student's and the teacher's layer."""
        return self.student_hidden[self.guided_layer - 1], self.teacher_hidden[self.hint_layer - 1]

    def work(self) -> float:
        regressors = len(self.weights) * regressor_parameters(*self.widths)
        return (
            self.teacher_work(self.teacher_hidden)
            + self.student_work(self.student_hidden, len(self.weights))
            + 3.0 * regressors * self.seeds * self.student_samples
        )

    @property
    def own_bytes(self) -> int:
        """Measured: each seed's hints, regressors and what its students say inside."""
        return 5 * 2**20


@dataclass(frozen=True, eq=False)
class Projection:
    """The plane in which one network's features of the test images vary most (PCA)."""

    #: ``[N_test, 2]``; the student's is turned, or mirrored, to lie like the teacher's.
    points: Tensor
    #: Share of the features' variance that the plane shows.
    share: float


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredHints(Measured):
    """What the hints did; the first row is the hard-label student."""

    #: How well the regressor reads the teacher's features off the student's (R² on the test
    #: images) against samples seen, one curve a row.
    match: list[MeasuredCurve]
    #: The first seed's features of the test images: the teacher's, and the student's of each row.
    teacher_projection: Projection
    student_projections: list[Projection]


def feature(settings: FeatureSettings, monitor: Monitor = SILENT) -> MeasuredHints:
    """Train students with hints of several weights and compare them with hard labels alone."""
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    labels = draw_labels(dataset, seeds, settings.labels)
    task = Task(
        dataset,
        seeds,
        settings.student_hidden,
        *labels,
        teachers,
        samples=settings.student_samples,
    )
    hint_layer, guided_layer = _activation(settings.hint_layer), _activation(settings.guided_layer)
    objective = Hints(task, settings.weights, hint_layer, guided_layer)
    matches: list[Tensor] = []

    def on_point(stack: MLPStack, test_logits: Tensor) -> None:
        matches.append(objective.match(stack, dataset.test.inputs))

    trained = task.train(
        objective,
        monitor,
        peers=(0,) * len(settings.weights),
        extra_parameters=objective.regressor_parameters,
        on_point=on_point,
    )
    match = LearningCurve(trained.curve.samples_seen, matches)
    conditions = range(len(settings.weights))
    first_students = trained.stack.features(dataset.test.inputs, guided_layer)[0]
    first_teacher = teachers.trained.stack.features(dataset.test.inputs, hint_layer)[0, 0]
    plane = principal_plane(first_teacher)
    return MeasuredHints(
        rows=[_row(settings, trained.accuracy, matches[-1], each) for each in conditions],
        accuracy=trained.accuracy,
        curves=[measured_curve(trained.curve, each) for each in conditions],
        match=[measured_curve(match, each) for each in conditions],
        teacher_projection=plane,
        student_projections=[turned_like(principal_plane(own), plane) for own in first_students],
    )


def principal_plane(features: Tensor) -> Projection:
    """Return features ``[N, d]`` in the plane of their first two principal components."""
    centred = features - features.mean(dim=0)
    left, singular_values, _ = torch.linalg.svd(centred, full_matrices=False)
    variances = singular_values.square()
    points = torch.nn.functional.pad(left[:, :2] * singular_values[:2], (0, 2))[:, :2]
    return Projection(points, (variances[:2].sum() / variances.sum().clamp_min(1e-12)).item())


def turned_like(projection: Projection, reference: Projection) -> Projection:
    """Return a projection turned, or mirrored, so that it lies like the reference.

    The axes of a PCA have no direction of their own. Turning changes no distance: this is the
    orthogonal Procrustes problem (Schönemann 1966).
    """
    left, _, right = torch.linalg.svd(projection.points.T @ reference.points)
    return Projection(projection.points @ (left @ right), projection.share)


def _activation(layer: int) -> int:
    """Return where the activations of hidden layer 1, 2, ... stand; 0 is the last."""
    return layer - 1 if layer else LAST_HIDDEN


def _row(settings: FeatureSettings, accuracy: Tensor, match: Tensor, condition: int) -> Row:
    weight = settings.weights[condition]
    explained = mean_interval(match[:, condition])
    return {
        "hint_weight": weight,
        **accuracy_columns(accuracy[:, condition], accuracy[:, 0] if condition else None),
        "match": explained.mean,
        "match_ci": explained.half_width,
        "student_parameters": parameter_count((64, *settings.student_hidden, 10)),
        # Trained with the student and thrown away: work, not size.
        "regressor_parameters": regressor_parameters(*settings.widths),
    }


EXPERIMENT = Experiment(
    "feature", FeatureSettings, feature, page="four_ways", named_by=("hint_weight",)
)
