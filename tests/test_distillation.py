"""Teachers teach what they know, each image with its own soft labels, and are left unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kdcore import distillation
from kdcore.data import Dataset, digits, few_labels
from kdcore.distillation import (
    CURVE_POINTS,
    HardLabels,
    Response,
    Teachers,
    Trained,
    accuracy,
    agreement,
    inherited_errors,
    kl_to_teacher,
    layer_sizes,
    train_and_test,
    train_teachers,
)
from kdcore.losses import distillation_loss
from kdcore.models import MLPStack
from kdcore.monitor import LearningCurve, Monitor
from kdcore.store import BoundedStore
from kdcore.training import Cancelled, TrainingSettings, train

SEEDS = (0, 1)
SHORT = TrainingSettings(samples_seen=1280)


@pytest.fixture(scope="module")
def teachers() -> Teachers:
    """Return two small teachers after two passes through the pool."""
    return train_teachers(digits(), (16,), SEEDS, samples_seen=1800)


def student_rows(labels: int = 50) -> Tensor:
    pool = digits().training.labels
    return torch.stack([few_labels(pool, labels, seed) for seed in SEEDS])


def students(conditions: int = 1) -> MLPStack:
    return MLPStack.initialise((64, 12, 10), SEEDS, conditions)


def distil(
    teacher_logits: Tensor,
    temperatures: tuple[float, ...] = (4.0,),
    alphas: tuple[float, ...] = (0.3,),
    dataset: Dataset | None = None,
    settings: TrainingSettings = SHORT,
) -> Trained:
    """Train students of the digits on few labels."""
    dataset = dataset or digits()
    return train_and_test(
        dataset,
        students(len(alphas)),
        student_rows(),
        Response(dataset.training.labels, teacher_logits, temperatures, alphas),
        settings,
    )


class Listener(Monitor):
    """Writes down what it hears, and stops a computation after so many questions."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.heard: list[tuple[str, float, int]] = []
        self.asked = 0
        self.stop_after = stop_after

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, fraction, len(curve.accuracy)))

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.stop_after is not None and self.asked > self.stop_after


# --------------------------------------------------------------------------------------- figures


def test_accuracy_is_the_share_of_right_answers() -> None:
    logits = torch.tensor([[[3.0, 1.0], [0.0, 1.0], [2.0, 1.0], [5.0, 4.0]]] * 2)
    logits[1, 0] = torch.tensor([1.0, 3.0])
    labels = torch.tensor([0, 1, 1, 0])
    assert accuracy(logits, labels).tolist() == [0.75, 0.5]


def test_inherited_errors_are_the_teachers_errors_that_a_student_repeats() -> None:
    def says(*classes: int) -> Tensor:
        return torch.nn.functional.one_hot(torch.tensor(classes), 3).float()

    labels = torch.tensor([0, 1, 2, 0])
    teacher = says(0, 2, 1, 1)  # three errors
    student = says(2, 2, 0, 1)  # two of them repeated, one made in another way, one of its own
    assert inherited_errors(student, teacher, labels).item() == pytest.approx(2 / 3)
    assert inherited_errors(student, says(0, 1, 2, 0), labels).isnan()


def test_agreement_is_the_share_of_equal_answers_right_or_wrong() -> None:
    teacher = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])
    student = torch.tensor([[0.2, 0.1], [0.1, 0.2], [0.1, 0.2], [0.1, 0.2]])
    assert agreement(student, teacher).item() == 0.75
    assert agreement(torch.stack([student, teacher]), teacher).tolist() == [0.75, 1.0]


def test_kl_to_the_teacher_sums_over_the_teachers_answers() -> None:
    # KL of (½, ½) to (¼, ¾) = ½ ln 2 + ½ ln ⅔; the other way round it is ¼ ln ½ + ¾ ln 1½.
    teacher, student = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    assert kl_to_teacher(student, teacher).item() == pytest.approx(0.1438410, abs=1e-6)
    assert kl_to_teacher(teacher, student).item() == pytest.approx(0.1308120, abs=1e-6)
    assert kl_to_teacher(teacher, teacher).item() == 0


def test_layers_run_from_the_pixels_to_the_classes() -> None:
    assert layer_sizes(digits(), (32,)) == (64, 32, 10)
    assert layer_sizes(digits(), [256, 128]) == (64, 256, 128, 10)


# ------------------------------------------------------------------------------------ objectives


def batch_rows() -> Tensor:
    """Return shuffled rows of the pool, others for each seed, ``[S, B]``."""
    draw = torch.Generator().manual_seed(0)
    return torch.stack([torch.randperm(900, generator=draw)[:8] for _ in SEEDS])


def random_logits(*shape: int) -> Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(5))


def test_response_pulls_each_model_by_the_gradient_of_its_own_loss() -> None:
    temperatures, alphas = (1.0, 4.0, 20.0), (0.3, 0.0, 1.0)
    labels, teacher_logits = digits().training.labels, random_logits(2, 900, 10)
    rows, logits = batch_rows(), random_logits(6, 10, 8)
    objective = Response(labels, teacher_logits, temperatures, alphas)
    ((touched, gradient),) = objective([random_logits(6, 12, 8), logits], rows)
    assert touched is logits
    for model in range(6):
        seed, condition = divmod(model, 3)
        student = logits[model].T.clone().requires_grad_()
        loss = distillation_loss(
            student,
            teacher_logits[seed, rows[seed]],
            labels[rows[seed]],
            temperatures[condition],
            alphas[condition],
        )
        (expected,) = torch.autograd.grad(loss.total, student)
        assert torch.allclose(gradient[model].T, expected, atol=1e-6)


def test_hard_labels_pull_each_model_by_the_gradient_of_its_cross_entropy() -> None:
    labels, rows, logits = digits().training.labels, batch_rows(), random_logits(6, 10, 8)
    ((touched, gradient),) = HardLabels(labels, 10)([logits], rows)
    assert touched is logits
    for model in range(6):
        student = logits[model].T.clone().requires_grad_()
        loss = F.cross_entropy(student, labels[rows[model // 3]])
        (expected,) = torch.autograd.grad(loss, student)
        assert torch.allclose(gradient[model].T, expected, atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_a_student_at_alpha_1_is_the_hard_label_student_to_the_last_bit(
    teachers: Teachers, temperature: float
) -> None:
    distilled = distil(teachers.training_logits, (temperature,), (1.0,))
    hard = train_and_test(
        digits(), students(), student_rows(), HardLabels(digits().training.labels, 10), SHORT
    )
    for ours, theirs in zip(distilled.stack.parameters, hard.stack.parameters, strict=True):
        assert torch.equal(ours, theirs)


# -------------------------------------------------- losses gone wrong in public code (SCIENCE §5)


def test_bug_teacher_logits_cached_in_another_order_than_the_batches(teachers: Teachers) -> None:
    # Row i of the cache is what the teacher says of image i.
    pool = digits().training
    said = teachers.trained.stack.logits(pool.inputs)[:, 0]
    assert torch.allclose(teachers.training_logits, said, atol=1e-5)
    assert accuracy(teachers.training_logits, pool.labels).min() > 0.5

    # A teacher that knows every label teaches it, though its students see no label (α = 0) and
    # their rows are shuffled anew in every epoch; met by other rows it could teach chance only.
    sure = 10 * F.one_hot(pool.labels, 10).float().expand(len(SEEDS), -1, -1)
    longer = TrainingSettings(samples_seen=6400)
    taught = distil(sure, (1.0,), (0.0,), settings=longer)
    told = distil(sure, (1.0,), (1.0,), settings=longer)
    assert told.accuracy.min() > 0.6
    assert torch.allclose(taught.accuracy, told.accuracy, atol=0.05)


def test_bug_another_seeds_teacher(teachers: Teachers) -> None:
    # Seed 1's student does not change with seed 0's teacher, and does with its own.
    usual = distil(teachers.training_logits)
    for changed, unchanged in ((0, 1), (1, 0)):
        logits = teachers.training_logits.clone()
        logits[changed] = logits[changed].roll(1, dims=-1)
        other = distil(logits)
        assert torch.equal(other.test_logits[unchanged], usual.test_logits[unchanged])
        assert not torch.allclose(other.test_logits[changed], usual.test_logits[changed])


def test_bug_teacher_left_in_training_mode(teachers: Teachers) -> None:
    pool = digits().training
    cached = teachers.training_logits.clone()
    weights = [parameter.clone() for parameter in teachers.trained.stack.parameters]
    said = teachers.trained.stack.logits(pool.inputs)
    assert not teachers.training_logits.requires_grad
    assert not any(parameter.requires_grad for parameter in teachers.trained.stack.parameters)

    objective = Response(pool.labels, teachers.training_logits, (4.0,), (0.3,))
    pulls = []

    def listening(activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        first, again = objective(activations, rows), objective(activations, rows)
        pulls.append(torch.equal(first[0][1], again[0][1]))  # no dropout: the same answer twice
        return first

    train(students(), pool.inputs, student_rows(), listening, SHORT)

    assert all(pulls)
    assert torch.equal(teachers.training_logits, cached)
    for parameter, before in zip(teachers.trained.stack.parameters, weights, strict=True):
        assert torch.equal(parameter, before)
    assert torch.equal(teachers.trained.stack.logits(pool.inputs), said)


# ------------------------------------------------------------------------------ train and test


def test_accuracy_is_measured_on_the_test_images(teachers: Teachers) -> None:
    trained = distil(teachers.training_logits, (1.0, 4.0), (1.0, 0.3))
    test = digits().test
    assert trained.test_logits.shape == (2, 2, 897, 10)
    assert torch.equal(trained.test_logits, trained.stack.logits(test.inputs))
    answers = trained.stack.logits(test.inputs).argmax(-1)
    assert torch.equal(trained.accuracy, (answers == test.labels).double().mean(-1))


def test_nothing_is_learned_from_the_test_images(teachers: Teachers) -> None:
    dataset = digits()
    spoiled = replace(dataset, test=replace(dataset.test, inputs=1 - dataset.test.inputs))
    usual, other = (distil(teachers.training_logits, dataset=d) for d in (dataset, spoiled))
    assert not torch.equal(usual.accuracy, other.accuracy)
    for one, two in zip(usual.stack.parameters, other.stack.parameters, strict=True):
        assert torch.equal(one, two)


def test_the_learning_curve_ends_at_the_final_accuracy(teachers: Teachers) -> None:
    trained = distil(teachers.training_logits, (1.0, 4.0), (1.0, 0.3))
    curve = trained.curve
    assert len(curve.accuracy) == len(curve.samples_seen)
    assert curve.samples_seen[-1] == SHORT.samples_seen
    assert torch.equal(curve.accuracy[-1], trained.accuracy)
    assert curve.accuracy[0].mean() < curve.accuracy[-1].mean()


def test_the_learning_curve_has_a_dozen_points_spread_over_the_training(
    teachers: Teachers,
) -> None:
    curve = distil(teachers.training_logits).curve
    assert len(curve.samples_seen) == CURVE_POINTS
    spaced = torch.linspace(0, SHORT.samples_seen, CURVE_POINTS + 1)[1:]
    assert (torch.tensor(curve.samples_seen) - spaced).abs().max() <= 64  # an epoch or a batch


def test_a_training_of_few_epochs_has_as_many_points(teachers: Teachers) -> None:
    objective = HardLabels(digits().training.labels, 10)
    everything = torch.arange(900).expand(2, -1)
    settings = TrainingSettings(samples_seen=2700)
    curve = train_and_test(digits(), students(), everything, objective, settings).curve
    assert curve.samples_seen == [928, 1824, 2720]


def test_progress_is_reported_with_the_curve_so_far(teachers: Teachers) -> None:
    listener = Listener()
    train_and_test(
        digits(),
        students(),
        student_rows(),
        HardLabels(digits().training.labels, 10),
        SHORT,
        listener,
        "students",
        curve_points=4,
    )
    stages, fractions, points = zip(*listener.heard, strict=True)
    assert set(stages) == {"students"}
    assert list(fractions) == sorted(fractions)
    assert fractions[-1] == 1
    assert list(points) == [int(4 * fraction) for fraction in fractions]
    assert listener.asked == SHORT.steps


def test_a_monitor_can_stop_the_training() -> None:
    listener = Listener(stop_after=5)
    with pytest.raises(Cancelled):
        train_and_test(
            digits(),
            students(),
            student_rows(),
            HardLabels(digits().training.labels, 10),
            SHORT,
            listener,
        )
    assert listener.asked == 6


# ---------------------------------------------------------------------------------------- teachers


def test_a_teacher_has_seen_the_whole_pool_with_its_labels(teachers: Teachers) -> None:
    assert teachers.training_logits.shape == (2, 900, 10)
    assert teachers.test_logits.shape == (2, 897, 10)
    pool = digits().training
    expected = train_and_test(
        digits(),
        MLPStack.initialise((64, 16, 10), SEEDS),
        torch.arange(900).expand(2, -1),
        HardLabels(pool.labels, 10),
        TrainingSettings(samples_seen=1800),
    )
    assert torch.equal(teachers.accuracy, expected.accuracy[:, 0])
    assert torch.equal(teachers.test_logits, expected.test_logits[:, 0])


def test_teachers_of_several_layers_take_smaller_steps() -> None:
    deep = train_teachers(digits(), (8, 8), SEEDS, samples_seen=320)
    expected = train_and_test(
        digits(),
        MLPStack.initialise((64, 8, 8, 10), SEEDS),
        torch.arange(900).expand(2, -1),
        HardLabels(digits().training.labels, 10),
        TrainingSettings(samples_seen=320, learning_rate=2e-3),
    )
    assert torch.equal(deep.test_logits, expected.test_logits[:, 0])


def test_a_teacher_becomes_good(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = train_teachers(digits(), (32,), SEEDS, samples_seen=9000)
    assert trained.accuracy.min() > 0.9
    assert accuracy(trained.training_logits, digits().training.labels).min() > 0.9


def test_the_same_teachers_are_trained_once(teachers: Teachers) -> None:
    listener = Listener()
    again = train_teachers(digits(), (16,), SEEDS, samples_seen=1800, monitor=listener)
    assert again is teachers
    assert not listener.heard


def test_other_teachers_are_others(teachers: Teachers) -> None:
    listener = Listener()
    for hidden, seeds, samples in (
        ((8,), SEEDS, 1800),
        ((16,), (0, 2), 1800),
        ((16,), SEEDS, 900),
    ):
        other = train_teachers(digits(), hidden, seeds, samples, listener)
        assert other is not teachers
        assert len(other.training_logits) == len(seeds)
        assert not torch.equal(other.test_logits[1], teachers.test_logits[1])
    assert {stage for stage, _, _ in listener.heard} == {"teacher"}


def test_few_teachers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "_teachers", BoundedStore(capacity=1))
    first = train_teachers(digits(), (4,), SEEDS, samples_seen=32)
    train_teachers(digits(), (5,), SEEDS, samples_seen=32)
    again = train_teachers(digits(), (4,), SEEDS, samples_seen=32)
    assert again is not first
    assert torch.equal(again.training_logits, first.training_logits)  # the same to the last bit


def test_a_stopped_teacher_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "_teachers", BoundedStore(capacity=2))
    with pytest.raises(Cancelled):
        train_teachers(digits(), (4,), SEEDS, 640, Listener(stop_after=3))
    listener = Listener()
    train_teachers(digits(), (4,), SEEDS, 640, listener)
    assert listener.heard[-1][1] == 1


def test_the_teacher_of_a_seed_does_not_depend_on_the_other_seeds(teachers: Teachers) -> None:
    alone = train_teachers(digits(), (16,), (1,), samples_seen=1800)
    assert torch.allclose(alone.training_logits[0], teachers.training_logits[1], atol=1e-3)
