"""Each way to teach does what its paper says, and touches nothing that it should not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kdcore.data import digits, few_labels, noisy_labels
from kdcore.distillation import (
    HardLabels,
    Response,
    Trained,
    ensemble,
    layer_sizes,
    peer_agreement,
    train_teachers,
)
from kdcore.losses import (
    cross_entropy,
    decoupled_loss,
    distillation_loss,
    hint_gradient,
    hint_loss,
    kl_divergence,
    mutual_gradient,
    mutual_loss,
    relational_angle_loss,
    relational_loss,
    soft_labels,
)
from kdcore.methods import (
    METHODS,
    Decoupled,
    Hints,
    MutualLearning,
    Relational,
    Task,
    born_again,
    hard,
    hard_label_peers,
    online,
    regressor_parameters,
    response,
)
from kdcore.models import MLPStack
from kdcore.monitor import SILENT
from kdcore.training import TrainingSettings

Array = NDArray[np.float64]
Loss = Callable[[Tensor, Tensor], Tensor]

SEEDS = (0, 1)
#: Enough for a student to learn something, and no more.
LABELS = 40
#: A third of the usual training, for what holds however long it was.
SAMPLES = 4_000


@pytest.fixture(scope="module")
def task() -> Task:
    """Return a small task: two seeds, other images and labels for each, a fifth of them wrong."""
    dataset = digits()
    teachers = train_teachers(dataset, (24, 12), SEEDS, samples_seen=9000)
    pool = dataset.training.labels
    rows = torch.stack([few_labels(pool, LABELS, seed) for seed in SEEDS])
    labels = torch.stack([noisy_labels(pool, 0.2, 10, seed) for seed in SEEDS])
    return Task(dataset, SEEDS, (16, 8), rows, labels, teachers, samples=SAMPLES)


def random(*shape: int, seed: int = 0, scale: float = 3) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=draw, dtype=torch.float64)


def random_labels(*shape: int) -> Tensor:
    return torch.randint(0, 10, shape, generator=torch.Generator().manual_seed(9))


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def kl(teacher: Array, student: Array) -> float:
    return float((teacher * (np.log(teacher) - np.log(student))).sum())


def gradient_of(loss: Tensor, tensor: Tensor) -> Tensor:
    return torch.autograd.grad(loss.sum(), tensor)[0]


# ----------------------------------------------------------------------- the losses, in plain NumPy


def test_the_hint_loss_is_the_mean_squared_difference() -> None:
    student, teacher = random(3, 5, 7), random(3, 5, 7, seed=1)
    losses = hint_loss(student, teacher)
    assert losses.shape == (3,)
    for model in range(3):
        difference = student[model].numpy() - teacher[model].numpy()
        assert losses[model].item() == pytest.approx((difference**2).sum() / (5 * 7), rel=1e-12)


def test_each_peer_learns_from_the_label_and_the_mean_of_the_others() -> None:
    logits, targets = random(2, 4, 6, 10), random_labels(6)
    loss = mutual_loss(logits, targets)
    assert loss.total.shape == (2, 4)
    for cohort in range(2):
        probabilities = np.apply_along_axis(softmax, -1, logits[cohort].numpy())
        for peer in range(4):
            hard_part, mimicry = 0.0, 0.0
            for example in range(6):
                own = probabilities[peer, example]
                hard_part -= math.log(own[targets[example]]) / 6
                for other in range(4):
                    if other != peer:
                        mimicry += kl(probabilities[other, example], own) / 3 / 6
            assert loss.hard[cohort, peer].item() == pytest.approx(hard_part, rel=1e-10)
            assert loss.mimicry[cohort, peer].item() == pytest.approx(mimicry, rel=1e-10)
            assert loss.total[cohort, peer].item() == pytest.approx(hard_part + mimicry, rel=1e-10)


def test_two_peers_teach_each_other_in_both_directions() -> None:
    logits = random(2, 6, 10)
    mimicry = mutual_loss(logits, random_labels(6)).mimicry
    assert mimicry[0].item() == pytest.approx(kl_divergence(logits[1], logits[0]).item())
    assert mimicry[1].item() == pytest.approx(kl_divergence(logits[0], logits[1]).item())


def test_a_lone_peer_has_only_the_labels_to_learn_from() -> None:
    logits, targets = random(3, 1, 6, 10), random_labels(6)
    loss = mutual_loss(logits, targets)
    assert torch.equal(loss.total, cross_entropy(logits, targets))
    assert not loss.mimicry.any()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 8.0), (0.5, 0.0), (0.0, 2.0)], ids=str)
def test_the_decoupled_loss_is_that_of_its_equations(
    temperature: float, weights: tuple[float, float]
) -> None:
    student, teacher, targets = random(3, 6, 10), random(3, 6, 10, seed=1), random_labels(3, 6)
    loss = decoupled_loss(student, teacher, targets, temperature, *weights)
    for model in range(3):
        target_part, other_part = 0.0, 0.0
        for example in range(6):
            right = int(targets[model, example])
            binary, others = [], []
            for logits in (teacher[model, example], student[model, example]):
                probabilities = softmax(logits.numpy() / temperature)
                binary.append(np.array([probabilities[right], 1 - probabilities[right]]))
                rest = np.delete(probabilities, right)
                others.append(rest / rest.sum())
            target_part += temperature**2 * kl(*binary) / 6
            other_part += temperature**2 * kl(*others) / 6
        assert loss.target[model].item() == pytest.approx(target_part, rel=1e-8)
        assert loss.non_target[model].item() == pytest.approx(other_part, rel=1e-8)
        total = weights[0] * target_part + weights[1] * other_part
        assert loss.total[model].item() == pytest.approx(total, rel=1e-8)


def test_the_relational_loss_is_that_of_its_equations() -> None:
    student, teacher = random(3, 6, 5), random(3, 6, 8, seed=1)
    student[:, 0] *= 9  # one example far away, so that both branches of the Huber loss are met
    losses = relational_loss(student, teacher)
    branches = set()
    for model in range(3):
        distances = []
        for features in (student[model].numpy(), teacher[model].numpy()):
            pairs = [
                math.sqrt(((features[n] - features[m]) ** 2).sum())
                for n in range(6)
                for m in range(n + 1, 6)
            ]
            distances.append(np.array(pairs) / np.mean(pairs))
        terms = []
        for difference in np.abs(distances[0] - distances[1]):
            branches.add(difference > 1)
            terms.append(difference**2 / 2 if difference <= 1 else difference - 0.5)
        assert losses[model].item() == pytest.approx(np.mean(terms), rel=1e-8)
    assert branches == {True, False}


def test_the_angle_loss_is_that_of_its_equations() -> None:
    student, teacher = random(3, 5, 4), random(3, 5, 8, seed=1)
    losses = relational_angle_loss(student, teacher)
    branches = set()
    for model in range(3):
        terms = []
        for n, m, k in itertools.permutations(range(5), 3):
            cosines = []
            for features in (student[model].numpy(), teacher[model].numpy()):
                first, second = features[n] - features[m], features[k] - features[m]
                lengths = math.sqrt((first**2).sum()) * math.sqrt((second**2).sum())
                cosines.append((first * second).sum() / lengths)
            difference = abs(cosines[0] - cosines[1])
            branches.add(difference > 1)
            terms.append(difference**2 / 2 if difference <= 1 else difference - 0.5)
        assert losses[model].item() == pytest.approx(np.mean(terms), rel=1e-8)
    assert branches == {True, False}


# ----------------------------------------------------------------------- what the losses care about


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_decoupled_distillation_with_the_right_weights_is_plain_distillation(
    temperature: float,
) -> None:
    teacher, targets = random(3, 6, 10, seed=1), random_labels(3, 6)
    student = random(3, 6, 10).requires_grad_()
    p_target = soft_labels(teacher, temperature).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    decoupled = decoupled_loss(student, teacher, targets, temperature, 1, 1 - p_target).total
    plain = distillation_loss(student, teacher, targets, temperature, 0.0).soft
    assert torch.allclose(decoupled, plain, rtol=1e-9)
    gradients = gradient_of(decoupled, student), gradient_of(plain, student)
    assert torch.allclose(*gradients, rtol=1e-8, atol=1e-12)
    assert gradients[0].abs().max() > 1e-4


def test_each_model_of_a_stack_may_have_its_own_temperature_in_decoupled_distillation() -> None:
    student, teacher, targets = random(3, 6, 10), random(3, 6, 10, seed=1), random_labels(3, 6)
    together = decoupled_loss(student, teacher, targets, torch.tensor([1.0, 4.0, 9.0])).total
    for model, temperature in enumerate((1.0, 4.0, 9.0)):
        alone = decoupled_loss(student[model], teacher[model], targets[model], temperature).total
        assert together[model].item() == pytest.approx(alone.item(), rel=1e-9)


def test_decoupled_distillation_survives_a_teacher_that_is_sure() -> None:
    student = torch.zeros(1, 2, 10, requires_grad=True)
    teacher = 1e4 * torch.eye(10)[:2].unsqueeze(0)
    loss = decoupled_loss(student, teacher, torch.tensor([[0, 1]]), 1.0)
    assert torch.isfinite(loss.total).all()
    assert torch.isfinite(gradient_of(loss.total, student)).all()


relations = pytest.mark.parametrize("loss_of", [relational_loss, relational_angle_loss])


@relations
def test_relations_know_neither_unit_nor_direction_nor_origin(loss_of: Loss) -> None:
    student, teacher = random(6, 5), random(6, 8, seed=1)
    rotation = torch.linalg.qr(random(5, 5, seed=2)).Q
    moved = 7 * student @ rotation + 3
    usual = loss_of(student, teacher).item()
    assert loss_of(moved, teacher).item() == pytest.approx(usual, rel=1e-8)
    assert loss_of(moved, student).item() == pytest.approx(0, abs=1e-12)
    assert usual > 0.01


@relations
def test_an_image_that_is_twice_in_a_batch_has_a_relation_to_itself(loss_of: Loss) -> None:
    student = random(6, 5).float()
    student[1] = student[0]
    student.requires_grad_()
    loss = loss_of(student, random(6, 8, seed=1).float())
    assert torch.isfinite(loss)
    assert gradient_of(loss, student).abs().max() < 10


@relations
def test_features_that_are_all_alike_have_no_relations_to_learn_from(loss_of: Loss) -> None:
    silent = torch.zeros(6, 5, requires_grad=True)
    loss = loss_of(silent, random(6, 8).float())
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient_of(loss, silent)).all()


# ------------------------------------------------------------------------- where the gradients flow


def test_no_gradient_flows_into_a_teacher() -> None:
    targets = random_labels(6)
    for loss in (
        lambda s, t: hint_loss(s, t),
        lambda s, t: decoupled_loss(s, t, targets, 4.0).total,
        lambda s, t: relational_loss(s, t),
        lambda s, t: relational_angle_loss(s, t),
    ):
        student, teacher = random(6, 10).requires_grad_(), random(6, 10, seed=1).requires_grad_()
        of_student, of_teacher = torch.autograd.grad(
            loss(student, teacher), (student, teacher), allow_unused=True
        )
        assert of_student.abs().max() > 0
        assert of_teacher is None


def test_no_gradient_of_a_peer_flows_into_the_others() -> None:
    logits = random(3, 6, 10).requires_grad_()
    mimicry = mutual_loss(logits, random_labels(6)).mimicry
    for peer in range(3):
        (gradient,) = torch.autograd.grad(mimicry[peer], logits, retain_graph=True)
        reached = gradient.abs().amax((1, 2)) > 0
        assert reached.tolist() == [peer == other for other in range(3)]


def test_the_written_out_hint_gradient_is_that_of_its_loss() -> None:
    student, teacher = random(3, 5, 7).requires_grad_(), random(3, 5, 7, seed=1)
    expected = 5 * gradient_of(hint_loss(student, teacher), student)
    assert torch.allclose(hint_gradient(student.detach(), teacher), expected)
    feature_major = hint_gradient(student.detach().mT, teacher.mT, feature_axis=-2)
    assert torch.allclose(feature_major.mT, expected)


@pytest.mark.parametrize("class_axis", [-1, -2])
def test_the_written_out_mutual_gradient_is_that_of_its_loss(class_axis: int) -> None:
    # A cohort of three beside one of two and a network alone, on two seeds.
    cohorts, targets = (3, 2, 1), random_labels(2, 6)
    logits = random(2, 6, 6, 10).requires_grad_()
    expected = []
    for seed in range(2):
        losses = [
            mutual_loss(cohort, targets[seed]).total.sum() for cohort in logits[seed].split(cohorts)
        ]
        expected.append(6 * gradient_of(torch.stack(losses), logits)[seed])
    teaching = torch.zeros(6, 6, dtype=torch.float64)
    teaching[:3, :3] = (1 - torch.eye(3)) / 2
    teaching[3:5, 3:5] = 1 - torch.eye(2)
    one_hot = F.one_hot(targets, 10).double().unsqueeze(1)
    values = logits.detach()
    if class_axis == -2:
        values, one_hot = values.mT, one_hot.mT
    gradient = mutual_gradient(values, one_hot, teaching, class_axis)
    gradient = gradient.mT if class_axis == -2 else gradient
    assert torch.allclose(gradient, torch.stack(expected), rtol=1e-9)


# ----------------------------------------------------------------------------------- the objectives


def test_who_teaches_whom_has_a_direction() -> None:
    # The second learns from the first, and the first from nobody.
    logits, targets = random(1, 2, 6, 10).requires_grad_(), random_labels(6)
    first, second = logits[0]
    taught = cross_entropy(second, targets) + kl_divergence(first.detach(), second)
    expected = 6 * gradient_of(cross_entropy(first, targets) + taught, logits)
    teaching = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    gradient = mutual_gradient(logits.detach(), F.one_hot(targets, 10).double(), teaching)
    assert torch.allclose(gradient, expected, rtol=1e-9)


def batch_rows() -> Tensor:
    """Return shuffled rows of the pool, others for each seed, ``[S, B]``."""
    draw = torch.Generator().manual_seed(0)
    return torch.stack([torch.randperm(900, generator=draw)[:8] for _ in SEEDS])


def layers(models: int) -> list[Tensor]:
    """Return activations of a student 64-16-8-10 for one batch; hidden ones are never negative."""
    widths = (16, 8, 10)
    drawn = [random(models, width, 8, seed=width, scale=1).float() for width in widths]
    return [drawn[0].relu(), drawn[1].relu(), drawn[2]]


def teacher_features(task: Task, layer: int) -> Tensor:
    """Return a hidden layer of the teachers for the pool, ``[S, N, d]``, in units of its spread."""
    features = task.teachers.trained.stack.features(task.dataset.training.inputs, layer)[:, 0]
    return torch.stack([own / own.std() for own in features])


@pytest.mark.parametrize(("hint_layer", "guided_layer"), [(-2, -2), (0, -2), (-2, 0), (1, 1)])
def test_a_hint_pulls_at_the_guided_layer_by_the_gradient_of_its_loss(
    task: Task, hint_layer: int, guided_layer: int
) -> None:
    betas, rows, activations = (0.0, 1.0, 10.0), batch_rows(), layers(6)
    objective = Hints(task, betas, hint_layer, guided_layer)
    weight, bias = objective.regressor_parameters
    for parameter in (weight, bias):
        parameter.requires_grad_()
    (logits, hard_pull), (regressed, own), (hidden, pull) = objective(activations, rows)
    assert logits is activations[-1]
    assert hidden is activations[guided_layer]
    ((_, expected_hard),) = HardLabels(task.labels, 10)(activations, rows)
    assert torch.equal(hard_pull, expected_hard)
    of_weight, of_bias = torch.autograd.grad(regressed, (weight, bias), own)
    hint = teacher_features(task, hint_layer)
    for model in range(6):
        seed, condition = divmod(model, 3)
        student = hidden[model].T.clone().requires_grad_()
        w, b = weight[model].detach().clone(), bias[model].detach().clone()
        loss = hint_loss(
            F.linear(student, w.requires_grad_(), b.requires_grad_()[:, 0]), hint[seed, rows[seed]]
        )
        by_student, by_weight, by_bias = torch.autograd.grad(loss, (student, w, b))
        assert torch.allclose(pull[model].T, betas[condition] * by_student, atol=1e-6)
        # The regressor itself always learns, so that at β = 0 it measures.
        assert torch.allclose(of_weight[model], by_weight, atol=1e-6)
        assert torch.allclose(of_bias[model], by_bias, atol=1e-6)


def test_a_regressor_does_not_reach_into_the_student_by_itself(task: Task) -> None:
    activations = [layer.requires_grad_() for layer in layers(2)]
    objective = Hints(task, (1.0,))
    for parameter in objective.regressor_parameters:
        parameter.requires_grad_()
    _, (regressed, _), _ = objective(activations, batch_rows())
    reached = torch.autograd.grad(regressed.sum(), activations, allow_unused=True)
    assert all(gradient is None for gradient in reached)


def test_decoupled_students_are_pulled_by_the_gradient_of_their_loss(task: Task) -> None:
    # As published: cross-entropy at weight 1, target class 1, other classes 8, and the teacher
    # faded in over a twelfth of the training.
    rows, activations = batch_rows(), layers(2)
    objective = Decoupled(task)
    warm_up = TrainingSettings(SAMPLES).steps / 12
    pulls = [objective(activations, rows)[0] for _ in range(int(warm_up) + 2)]
    for step, weight in ((1, 1 / warm_up), (10, 10 / warm_up), (len(pulls), 1.0)):
        touched, gradient = pulls[step - 1]
        assert touched is activations[-1]
        for seed in range(2):
            student = touched[seed].T.clone().requires_grad_()
            targets = task.labels[seed, rows[seed]]
            said = task.teachers.training_logits[seed, rows[seed]]
            taught = decoupled_loss(student, said, targets, task.temperature, 1.0, 8.0).total
            loss = F.cross_entropy(student, targets) + weight * taught
            assert torch.allclose(gradient[seed].T, gradient_of(loss, student), atol=1e-6)


def test_relational_students_are_pulled_by_the_gradient_of_their_loss(task: Task) -> None:
    rows, activations = batch_rows(), layers(2)
    (logits, hard_pull), (hidden, gradient) = Relational(task)(activations, rows)
    assert logits is activations[-1]
    assert hidden is activations[-2]
    ((_, expected_hard),) = HardLabels(task.labels, 10)(activations, rows)
    assert torch.equal(hard_pull, expected_hard)
    for seed in range(2):
        student = hidden[seed].T.clone().requires_grad_()
        teacher = teacher_features(task, -2)[seed, rows[seed]]
        distances, angles = (
            of(student, teacher) for of in (relational_loss, relational_angle_loss)
        )
        expected = gradient_of(25 * distances + 50 * angles, student)  # the paper's weights
        assert torch.allclose(gradient[seed].T, expected, atol=1e-5)


def test_peers_are_pulled_by_the_gradient_of_their_own_cohorts_loss(task: Task) -> None:
    rows, activations = batch_rows(), layers(8)
    ((touched, gradient),) = MutualLearning(task, (1, 3))(activations, rows)
    assert touched is activations[-1]
    for seed in range(2):
        targets = task.labels[seed, rows[seed]]
        student = touched[4 * seed : 4 * seed + 4].mT.clone().requires_grad_()
        losses = [mutual_loss(cohort, targets).total.sum() for cohort in student.split((1, 3))]
        expected = gradient_of(torch.stack(losses), student)
        assert torch.allclose(gradient[4 * seed : 4 * seed + 4].mT, expected, atol=1e-6)


# -------------------------------------------------------------------------- trained to the last bit


def same(one: Trained, other: Trained, conditions: slice = slice(None)) -> bool:
    """Say whether networks ended with the same weights, to the last bit."""
    return all(
        torch.equal(
            first.view(len(SEEDS), -1, *first.shape[1:])[:, conditions],
            second.view(len(SEEDS), -1, *second.shape[1:])[:, conditions],
        )
        for first, second in zip(one.stack.parameters, other.stack.parameters, strict=True)
    )


def test_one_peer_alone_is_the_hard_label_student(task: Task) -> None:
    alone = task.train(MutualLearning(task, (1,)))
    assert same(alone, hard(task))


def test_networks_alone_are_the_peers_of_a_plain_ensemble(task: Task) -> None:
    alone = task.train(MutualLearning(task, (1, 1, 1, 1)), peers=range(4))
    assert same(alone, hard_label_peers(task))


def test_the_peers_of_a_cohort_are_different_networks(task: Task) -> None:
    cohort = online(task)
    weight = cohort.stack.weights[0]
    for peer in range(1, 4):
        assert (weight[peer] - weight[0]).abs().mean() > 0.05
    assert same(cohort, task.train(MutualLearning(task, (4,)), peers=range(4)))


def test_a_cohort_hears_nothing_of_the_cohort_beside_it(task: Task) -> None:
    peers = (0, 1, 2, 0, 1)
    usual = task.train(MutualLearning(task, (3, 2)), peers=peers)
    other = task.train(MutualLearning(task, (3, 1, 1)), peers=peers)
    assert same(usual, other, slice(3))
    assert not same(usual, other, slice(3, 5))


def test_peers_that_start_alike_have_nothing_to_tell_each_other(task: Task) -> None:
    twins = task.train(MutualLearning(task, (2,)), peers=(0, 0))
    student = hard(task)
    for peer in range(2):
        answers = twins.test_logits[:, peer].argmax(-1)
        assert (answers == student.test_logits[:, 0].argmax(-1)).double().mean() > 0.999


def test_hint_weight_0_is_the_hard_label_student(task: Task) -> None:
    objective = Hints(task, (0.0, 10.0))
    hinted = task.train(objective, peers=(0, 0), extra_parameters=objective.regressor_parameters)
    told = task.train(HardLabels(task.labels, 10), peers=(0, 0))
    assert same(hinted, told, slice(1))
    assert not same(hinted, told, slice(1, 2))


def test_a_regressor_is_trained_and_thrown_away(task: Task) -> None:
    objective = Hints(task, (10.0,))
    before = [parameter.clone() for parameter in objective.regressor_parameters]
    trained = task.train(objective, extra_parameters=objective.regressor_parameters)
    assert trained.stack.layer_sizes == (64, 16, 8, 10)
    for parameter, start in zip(objective.regressor_parameters, before, strict=True):
        assert not parameter.requires_grad
        assert (parameter - start).abs().mean() > 0.01
    count = sum(parameter[0].numel() for parameter in objective.regressor_parameters)
    assert count == regressor_parameters(8, 12) == 8 * 12 + 12


def test_regressors_of_a_seed_start_alike(task: Task) -> None:
    for parameter in Hints(task, (0.0, 1.0, 10.0)).regressor_parameters:
        assert torch.equal(parameter[0], parameter[2])
        assert torch.equal(parameter[3], parameter[5])
        assert not torch.equal(parameter[0], parameter[3])


def test_a_match_is_the_share_of_the_teachers_layer_that_a_regressor_explains(task: Task) -> None:
    objective = Hints(task, (0.0, 10.0))
    parameters = objective.regressor_parameters
    stack = task.train(objective, peers=(0, 0), extra_parameters=parameters).stack
    inputs = task.dataset.test.inputs
    match = objective.match(stack, inputs)
    assert match.shape == (2, 2)
    pool = task.teachers.trained.stack.features(task.dataset.training.inputs, -2)
    hint = task.teachers.trained.stack.features(inputs, -2)
    hidden = stack.features(inputs, -2)
    for seed in range(2):
        expected = hint[seed, 0].double().numpy() / pool[seed].double().numpy().std(ddof=1)
        spread = ((expected - expected.mean(axis=0)) ** 2).sum()
        for condition in range(2):
            weight, bias = (p[2 * seed + condition].double().numpy() for p in parameters)
            regressed = hidden[seed, condition].double().numpy() @ weight.T + bias[:, 0]
            missed = ((regressed - expected) ** 2).sum()
            assert match[seed, condition].item() == pytest.approx(1 - missed / spread, abs=1e-4)
    assert (match[:, 1] > match[:, 0]).all()


def test_generation_0_is_the_hard_label_student(task: Task) -> None:
    generations = born_again(task)
    assert len(generations) == 2
    assert same(generations[0], hard(task))
    assert not same(generations[1], generations[0])


def test_each_generation_starts_anew_and_is_taught_by_the_one_before(task: Task) -> None:
    settings = {"temperature": 2.0, "alpha": 0.1, "generations": 2, "samples": SAMPLES}
    own = Task(task.dataset, SEEDS, task.hidden, task.rows, task.labels, **settings)  # type: ignore[arg-type]
    generations = born_again(own)
    for number in (1, 2):
        teacher, student = generations[number - 1 : number + 1]
        said = teacher.stack.logits(task.dataset.training.inputs)[:, 0]
        objective = Response(task.labels, said, (2.0,), (0.1,))
        # Peer p starts from weights of its own; peer 0 from those of generation 0.
        assert same(student, own.train(objective, peers=(number,)))
        assert not same(student, own.train(objective))


def test_at_alpha_1_a_generation_is_another_hard_label_student(task: Task) -> None:
    own = replace(task, taught_by=None, alpha=1, generations=2)
    for number, generation in enumerate(born_again(own)):
        alone = own.train(HardLabels(own.labels, 10), peers=(number,))
        assert same(generation, alone)


# ---------------------------------------------------------------------------------------- the peers


def initial(peers: tuple[int, ...], seeds: tuple[int, ...] = SEEDS) -> MLPStack:
    return MLPStack.initialise((64, 16, 10), seeds, len(peers), peers)


def test_peers_start_from_different_weights() -> None:
    weight = initial((0, 1, 2, 3)).weights[0]
    for one in range(8):
        for other in range(one):
            assert not torch.equal(weight[one], weight[other])


def test_peer_0_is_the_seeds_own_network() -> None:
    plain, peers = MLPStack.initialise((64, 16, 10), SEEDS, 3), initial((1, 0, 2))
    for own, one in zip(plain.parameters, peers.parameters, strict=True):
        for seed in range(2):
            assert torch.equal(one[3 * seed + 1], own[3 * seed])


def test_a_peer_starts_the_same_in_every_company() -> None:
    alone, company = initial((2,), (7,)), initial((2, 0, 5, 2), (3, 7))
    for one, many in zip(alone.parameters, company.parameters, strict=True):
        assert torch.equal(many[4], one[0])
        assert torch.equal(many[7], one[0])


def test_every_condition_is_some_peer() -> None:
    with pytest.raises(ValueError, match="3 conditions"):
        MLPStack.initialise((64, 16, 10), SEEDS, 3, (0, 1))


def test_the_ensemble_says_the_mean_of_what_its_networks_say() -> None:
    sure, unsure = torch.tensor([0.9, 0.1]).log(), torch.tensor([0.4, 0.6]).log()
    together = ensemble(torch.stack([sure, unsure, unsure]).view(1, 3, 1, 2))
    assert together.shape == (1, 1, 2)
    assert together[0, 0].tolist() == pytest.approx([1.7 / 3, 1.3 / 3])  # two of three say 1


def test_peers_agree_as_often_as_two_of_them_say_the_same() -> None:
    answers = torch.tensor([[[1, 2, 3, 4], [1, 2, 3, 0], [1, 2, 0, 4]]])
    assert peer_agreement(answers).item() == pytest.approx((3 / 4 + 3 / 4 + 2 / 4) / 3)
    assert peer_agreement(answers[:, :1]).item() == 1


# ---------------------------------------------------------------------------------------- the table


def test_each_method_names_its_paper_in_its_docstring() -> None:
    for method in METHODS.values():
        docstring = method.train.__doc__ or ""
        assert docstring
        if method.name != "hard":
            author, year = method.paper.split()[0], method.paper.split()[-1]
            assert author in docstring
            assert f"({year})" in docstring


def test_only_the_baseline_costs_nothing_more() -> None:
    assert [method.name for method in METHODS.values() if not method.extra_work] == ["hard"]
    assert next(iter(METHODS)) == "hard"


def test_every_method_needs_a_teacher_that_says_so(task: Task) -> None:
    own = Task(task.dataset, SEEDS, task.hidden, task.rows, task.labels)
    for method in METHODS.values():
        if "teacher" in method.extra_work:
            with pytest.raises(ValueError, match="needs a teacher"):
                method.train(own, SILENT)


@pytest.fixture(scope="module")
def alone(task: Task) -> Trained:
    return hard(replace(task, samples=3 * SAMPLES))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_one_student_a_seed_and_leaves_its_teacher_as_it_was(
    task: Task, alone: Trained, name: str
) -> None:
    stack, pool = task.teachers.trained.stack, task.dataset.training
    kept = [*stack.parameters, task.teachers.training_logits, pool.inputs, pool.labels, task.labels]
    before = [tensor.clone() for tensor in kept]
    trained = METHODS[name].train(replace(task, samples=3 * SAMPLES), SILENT)
    for tensor, unchanged in zip(kept, before, strict=True):
        assert torch.equal(tensor, unchanged)
        assert not tensor.requires_grad
    assert trained.accuracy.shape == (2, task.peers if name == "online" else 1)
    assert trained.accuracy.min() > 0.25  # chance is 0.1
    assert trained.stack.layer_sizes == layer_sizes(task.dataset, task.hidden)
    if name != "hard":
        assert not torch.equal(trained.test_logits[:, 0], alone.test_logits[:, 0])


def test_the_labels_that_a_student_sees_are_what_it_learns(task: Task) -> None:
    relabelled = (task.labels + 1) % 10
    own = Task(task.dataset, SEEDS, task.hidden, task.rows, relabelled, task.taught_by, alpha=1)
    for learn in (hard, response, online):
        answers = learn(own).test_logits[:, 0].argmax(-1)
        assert ((answers - 1) % 10 == task.dataset.test.labels).double().mean() > 0.4
