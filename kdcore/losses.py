"""The formulas of distillation, each a pure function with its equation above it.

Logits have the shape ``[..., N, C]``: any leading axes (the models of a stack), N examples, C
classes. Temperature T and balance α are numbers, or tensors that broadcast over the leading axes,
so that each model of a stack can have its own. Written for T from 0.1 to 100 and logits up to
±10⁴. The α convention of this project: **α weighs the hard term.**

Sources: Hinton, Vinyals, Dean (2015), *Distilling the Knowledge in a Neural Network*.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class DistillationLoss(NamedTuple):
    """The loss of each model ``[...]`` with its two parts, so that they can be shown apart."""

    #: α · hard + (1 − α) · soft
    total: Tensor
    #: cross-entropy with the hard labels
    hard: Tensor
    #: T² · KL(teacher_T ‖ student_T)
    soft: Tensor


class MutualLoss(NamedTuple):
    """The loss of each peer ``[..., P]`` with its two parts."""

    #: hard + mimicry
    total: Tensor
    #: cross-entropy with the hard labels
    hard: Tensor
    #: mean KL of what the other peers say to what this peer says
    mimicry: Tensor


class DecoupledLoss(NamedTuple):
    """The loss of each model ``[...]`` with its two parts, each before it is weighted."""

    #: T² · the weighted sum of both parts
    total: Tensor
    #: T² · TCKD: is it the target class or another?
    target: Tensor
    #: T² · NCKD: which of the others?
    non_target: Tensor


def soft_labels(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Return the softened class probabilities ``[..., N, C]``.

        p_i(T) = exp(z_i / T) / Σ_j exp(z_j / T)

    T = 1 is the softmax; T → 0 tends to the one-hot vector of the largest logit, T → ∞ to the
    uniform distribution.

    Raises
    ------
    ValueError
        If a temperature is not above zero.
    """
    return torch.softmax(_at_temperature(logits, temperature), dim=-1)


def entropy(probabilities: Tensor) -> Tensor:
    """Return the Shannon entropy of each distribution, in nats: ``[..., C]`` → ``[...]``.

        H(p) = − Σ_i p_i · ln p_i

    It is 0 for a one-hot label and ln C for the uniform distribution; 0 · ln 0 counts as 0.
    """
    return torch.special.entr(probabilities).sum(dim=-1)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy with integer targets ``[..., N]``: one value per model.

        CE = − 1/N · Σ_n ln p_{n, y_n}

    The mean runs over the examples of a model.
    """
    _check_targets(targets, logits)
    log_probs = torch.log_softmax(logits, dim=-1)
    targets = targets.expand(log_probs.shape[:-1]).unsqueeze(-1)
    return -log_probs.gather(-1, targets).squeeze(-1).mean(dim=-1)


def kl_divergence(
    teacher_logits: Tensor, student_logits: Tensor, temperature: float | Tensor = 1.0
) -> Tensor:
    """Return KL(teacher ‖ student) of the softened outputs in nats: one value per model.

        KL = 1/N · Σ_n Σ_i q_{n,i} · (ln q_{n,i} − ln p_{n,i}),   q teacher, p student, both at T

    The sum runs over classes and the mean over examples only (the reduction that PyTorch calls
    ``batchmean``). Where the teacher's probability is 0, the term is 0.
    """
    temperature = _per_model(temperature, student_logits)
    teacher_log_probs = torch.log_softmax(_at_temperature(teacher_logits, temperature), dim=-1)
    student_log_probs = torch.log_softmax(_at_temperature(student_logits, temperature), dim=-1)
    return _kl_of_each_example(teacher_log_probs, student_log_probs).mean(dim=-1)


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    targets: Tensor,
    temperature: float | Tensor,
    alpha: float | Tensor,
) -> DistillationLoss:
    """Return the distillation loss of each model, with its hard and soft parts.

        L = α · CE(student, labels) + (1 − α) · T² · KL(teacher_T ‖ student_T)

    At high T the soft gradient shrinks as 1/T²; the factor T² makes up for it, so that α means the
    same there at every temperature. The teacher is a constant: no gradient flows into its logits.

    Parameters
    ----------
    student_logits, teacher_logits
        ``[..., N, C]``; the teacher's may broadcast over the leading axes.
    targets
        Integer labels ``[..., N]``.
    temperature, alpha
        Numbers, or tensors that broadcast over the leading axes.

    Raises
    ------
    ValueError
        If a temperature is not above zero, an α is not from 0 to 1, or the shapes do not fit.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 2, where the weights of the two terms are free; the
    convention that α weighs the hard term is that of PyTorch-style texts.
    """
    models = student_logits.shape[:-2]
    if student_logits.shape[-2:] != teacher_logits.shape[-2:] or not _fits(
        teacher_logits.shape[:-2], models
    ):
        raise ValueError(
            "student and teacher logits must agree in models, examples and classes, "
            f"not {tuple(student_logits.shape)} and {tuple(teacher_logits.shape)}"
        )
    temperature = _per_model(temperature, student_logits)
    alpha = _per_model(alpha, student_logits)
    for name, value in (("temperature", temperature), ("alpha", alpha)):
        if not _fits(value.shape, models):
            raise ValueError(f"{name} {tuple(value.shape)} does not fit models {tuple(models)}")
    if not bool(((alpha >= 0) & (alpha <= 1)).all()):
        raise ValueError("alpha must be from 0 to 1")
    hard = cross_entropy(student_logits, targets)
    soft = temperature**2 * kl_divergence(teacher_logits.detach(), student_logits, temperature)
    return DistillationLoss(alpha * hard + (1 - alpha) * soft, hard, soft)


def alpha_without_factor(alpha: float, temperature: float) -> float:
    """Return the α that training without the factor T² amounts to.

        α · CE + (1 − α) · KL  =  c · (α′ · CE + (1 − α′) · T² · KL),   α′ = α / (α + (1 − α)/T²)

    c is the same for every example. Adam divides it out, but for its tiny ε, so that a loss
    without the factor is one that listens to the hard labels more, the higher T.
    """
    return alpha / (alpha + (1 - alpha) / temperature**2)


def distillation_gradient(
    student_logits: Tensor,
    teacher_logits: Tensor,
    one_hot: Tensor,
    temperature: Tensor,
    alpha: Tensor,
    class_axis: int = -1,
) -> Tensor:
    """Return the gradient of the *summed* loss of N examples with respect to the logits.

        ∂(N·L)/∂z = α · (p(1) − y) + (1 − α) · T · (p(T) − q(T))

    Two pulls on each logit: the hard one towards the label y, the soft one towards the teacher's
    soft label q. This is what :func:`distillation_loss` differentiates to (a test holds the two
    together), written out because it is what training spends its time on.

    Parameters
    ----------
    student_logits, teacher_logits, one_hot
        Arrays that broadcast to the student's shape, classes along ``class_axis``. Softmax is
        five times faster along an axis that is not the last, so a stack keeps examples last.
    temperature, alpha
        Tensors that broadcast to the student's shape as they are.
    """
    soft_labels = torch.softmax(teacher_logits / temperature, dim=class_axis)
    weights = alpha, (1 - alpha) * temperature
    return gradient_towards(
        student_logits, one_hot, soft_labels, temperature, *weights, class_axis=class_axis
    )


def gradient_towards(
    student_logits: Tensor,
    one_hot: Tensor,
    soft_labels: Tensor,
    temperature: Tensor,
    hard_weight: Tensor,
    soft_weight: Tensor,
    class_axis: int = -1,
    out: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the two pulls of distillation on each logit, each with a weight.

        w_h · (p(1) − y) + w_s · (p(T) − q(T))

    With w_h = α and w_s = (1 − α) · T it is :func:`distillation_gradient`, where the teacher's soft
    labels q(T) are known already, as they are from the second batch on.

    Parameters
    ----------
    student_logits, one_hot, soft_labels
        Arrays that broadcast to the student's shape, classes along ``class_axis``.
    temperature, hard_weight, soft_weight
        Tensors that broadcast to the student's shape as they are.
    out
        Two tensors of the student's shape to work in; the first is returned.
    """
    hard_pull, soft_pull = (None, None) if out is None else out
    hard_pull = torch.softmax(student_logits, dim=class_axis, out=hard_pull)
    soft_pull = torch.div(student_logits, temperature, out=soft_pull)
    soft_pull = torch.softmax(soft_pull, dim=class_axis, out=soft_pull)
    hard_pull.sub_(one_hot).mul_(hard_weight)
    return hard_pull.add_(soft_pull.sub_(soft_labels).mul_(soft_weight))


def soft_gradient(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: Tensor,
    class_axis: int = -1,
    squared: bool = True,
) -> Tensor:
    """Return the gradient of the summed soft term, with its factor T² or without it.

        ∂(T² · KL)/∂z = T · (p(T) − q(T)),        ∂KL/∂z = (p(T) − q(T)) / T

    The soft part of :func:`distillation_gradient`, by itself.

    Parameters
    ----------
    squared
        Whether the term has its factor T².
    """
    difference = _soft_difference(student_logits, teacher_logits, temperature, class_axis)
    return difference.mul_(temperature) if squared else difference.div_(temperature)


def matching_gradient(
    student_logits: Tensor, teacher_logits: Tensor, class_axis: int = -1
) -> Tensor:
    """Return what :func:`soft_gradient` tends to as T grows: matching the logits.

        T · (p(T) − q(T)) → (z_student − z_teacher) / C,   both with zero mean

    Without the factor T² it is this divided by T².

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 2.1.
    """
    difference = student_logits - teacher_logits
    zero_mean = difference - difference.mean(dim=class_axis, keepdim=True)
    return zero_mean / difference.shape[class_axis]


def hard_gradient(student_logits: Tensor, one_hot: Tensor, class_axis: int = -1) -> Tensor:
    """Return the gradient of the summed cross-entropy: ``p(1) − y``, in the logits' shape."""
    return torch.softmax(student_logits, dim=class_axis).sub_(one_hot)


def hint_loss(student_features: Tensor, teacher_features: Tensor) -> Tensor:
    """Return how far the regressed student features are from the hint: one value per model.

        MSE = 1/(N·d) · Σ_n Σ_i (r_{n,i} − t_{n,i})²

    The student's features have gone through the regressor, so that both are ``[..., N, d]``. The
    teacher is a constant: no gradient flows into its features.

    Notes
    -----
    Romero et al. (2015), *FitNets: hints for thin deep nets*, equation 3, with the mean over
    features in place of half the sum, so that a weight means the same for every width.
    """
    return (student_features - teacher_features.detach()).square().mean(dim=(-2, -1))


def hint_gradient(
    student_features: Tensor, teacher_features: Tensor, feature_axis: int = -1
) -> Tensor:
    """Return the gradient of the summed :func:`hint_loss` of N examples by the student's features.

        ∂(N·MSE)/∂r = 2/d · (r − t)

    Features stand along ``feature_axis``; the two shapes broadcast.
    """
    width = student_features.shape[feature_axis]
    return (student_features - teacher_features).mul_(2 / width)


def mutual_loss(logits: Tensor, targets: Tensor) -> MutualLoss:
    """Return the loss of each peer of a cohort, with its two parts.

        L_i = CE_i + 1/(P − 1) · Σ_{j≠i} KL(p_j ‖ p_i)

    Each peer learns from the labels and from what the P − 1 others say at this moment. They are
    its teachers, so they are constants here: no gradient flows into their side. A lone peer has
    nobody to learn from and keeps the cross-entropy.

    Parameters
    ----------
    logits
        ``[..., P, N, C]``, the peers in front of the examples.
    targets
        Integer labels ``[N]``, or ``[..., P, N]``.

    Notes
    -----
    Zhang et al. (2018), *Deep mutual learning*, in its form for larger cohorts. There is no
    temperature in it.
    """
    peers = logits.shape[-3]
    hard = cross_entropy(logits, targets)
    # Each pair: [..., peer that learns, peer that teaches]; what a peer tells itself is 0.
    learners, teachers = torch.broadcast_tensors(logits.unsqueeze(-3), logits.unsqueeze(-4))
    mimicry = kl_divergence(teachers.detach(), learners).sum(dim=-1) / max(1, peers - 1)
    return MutualLoss(hard + mimicry, hard, mimicry)


def mutual_gradient(
    logits: Tensor, one_hot: Tensor, teaching: Tensor, class_axis: int = -1
) -> Tensor:
    """Return the gradient of the summed :func:`mutual_loss` of N examples by the logits.

        ∂(N·L_i)/∂z_i = (p_i − y) + Σ_j w_ij · (p_i − p_j)

    Parameters
    ----------
    logits, one_hot
        ``[S, P, ...]``, and what broadcasts to it: peers along the second axis.
    teaching
        Who teaches whom, ``[P, P]``: row i holds the weights of the teachers of peer i, which sum
        to 1, or are all 0 if it learns alone. So one stack holds cohorts of any size.
    class_axis
        Where the classes are.
    """
    probabilities = torch.softmax(logits, dim=class_axis)
    taught = (teaching @ probabilities.flatten(2)).view_as(probabilities)
    has_teachers = teaching.sum(1).view(-1, *[1] * (logits.ndim - 2))
    return (has_teachers * probabilities).sub_(taught).add_(probabilities - one_hot)


def decoupled_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    targets: Tensor,
    temperature: float | Tensor,
    target_weight: float | Tensor = 1.0,
    non_target_weight: float | Tensor = 1.0,
) -> DecoupledLoss:
    """Return the distillation loss taken apart into target class and other classes.

        total = T² · 1/N · Σ_n (w_t · TCKD_n + w_n · NCKD_n)
        TCKD  = KL(b_teacher ‖ b_student),   b = (p_t, 1 − p_t): the target, or something else?
        NCKD  = KL(p̂_teacher ‖ p̂_student),   p̂: the softmax over the other classes alone

    Plain distillation is w_t = 1 with w_n = 1 − p_t of the teacher: it mutes the other classes
    just where the teacher is sure. Free weights let them speak. The teacher is a constant.

    Parameters
    ----------
    student_logits, teacher_logits
        ``[..., N, C]``.
    targets
        Integer labels ``[..., N]``.
    temperature
        A number, or a tensor over the leading axes.
    target_weight, non_target_weight
        Numbers, or tensors that broadcast to the examples ``[..., N]``.

    Notes
    -----
    Zhao et al. (2022), *Decoupled knowledge distillation*. There both weights are numbers.
    """
    squared = _per_model(temperature, student_logits) ** 2
    teacher_parts = _split_at_target(teacher_logits.detach(), targets, temperature)
    student_parts = _split_at_target(student_logits, targets, temperature)
    target, non_target = (
        _kl_of_each_example(torch.log_softmax(teacher, -1), torch.log_softmax(student, -1))
        for teacher, student in zip(teacher_parts, student_parts, strict=True)
    )
    weighted = target_weight * target + non_target_weight * non_target
    return DecoupledLoss(
        squared * weighted.mean(dim=-1),
        squared * target.mean(dim=-1),
        squared * non_target.mean(dim=-1),
    )


def relational_loss(student_features: Tensor, teacher_features: Tensor) -> Tensor:
    """Return how differently student and teacher space the examples out: one value per model.

        mean over pairs n < m of Huber(ψ_student(n, m) − ψ_teacher(n, m))
        ψ(n, m) = ‖h_n − h_m‖ / (mean distance of all pairs),   Huber(x) = x²/2, from 1 on |x| − ½

    Distances have no direction and no unit: the two feature spaces need not have the same width,
    and no regressor. The teacher is a constant.

    Parameters
    ----------
    student_features, teacher_features
        ``[..., N, d]``, each with its own d; N is at least 2.

    Notes
    -----
    Park et al. (2019), *Relational knowledge distillation*: the distance-wise loss.
    """
    student = _relative_distances(student_features)
    teacher = _relative_distances(teacher_features.detach())
    student, teacher = torch.broadcast_tensors(student, teacher)
    return torch.nn.functional.huber_loss(student, teacher, reduction="none").mean(dim=-1)


def relational_angle_loss(student_features: Tensor, teacher_features: Tensor) -> Tensor:
    """Return how differently student and teacher see triples of examples: one value per model.

        mean over triples n, m, k of Huber(cos_student(n, m, k) − cos_teacher(n, m, k))
        cos(n, m, k) = ⟨e_nm, e_km⟩,   e_nm = (h_n − h_m) / ‖h_n − h_m‖

    The angle at m in the triangle of the three. Examples in the same place have none: cos is 0.

    Parameters
    ----------
    student_features, teacher_features
        ``[..., N, d]``, each with its own d; N is at least 3.

    Notes
    -----
    Park et al. (2019), *Relational knowledge distillation*: the angle-wise loss.
    """
    student = _cosines(student_features)
    teacher = _cosines(teacher_features.detach())
    student, teacher = torch.broadcast_tensors(student, teacher)
    huber = torch.nn.functional.huber_loss(student, teacher, reduction="none")
    N = student_features.shape[-2]
    # Where two of the three are one and the same, both cosines are 0, or both are 1.
    return huber.sum(dim=(-3, -2, -1)) / (N * (N - 1) * (N - 2))


def reverse_kl(
    teacher_logits: Tensor, student_logits: Tensor, temperature: float | Tensor = 1.0
) -> Tensor:
    """Return KL(student ‖ teacher) of the softened outputs in nats: one value per model.

        KL = 1/N · Σ_n Σ_i p_{n,i} · (ln p_{n,i} − ln q_{n,i}),   q teacher, p student, both at T

    :func:`kl_divergence` the other way round: the student's own probabilities weigh the terms. It
    is dear to say what the teacher would not say, and costs little to leave something out.

    Notes
    -----
    Gu et al. (2024), *MiniLLM: knowledge distillation of large language models*, equation 1.
    """
    return kl_divergence(student_logits, teacher_logits, temperature)


def reverse_kl_gradient(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: Tensor,
    class_axis: int = -1,
) -> Tensor:
    """Return the gradient of the summed T² · :func:`reverse_kl` of N examples by the logits.

        ∂(T² · KL(p ‖ q))/∂z_i = T · p_i · (ln p_i − ln q_i − KL(p ‖ q)),   p and q at T

    The counterpart of :func:`soft_gradient`. An answer that the student does not give has no
    pull: p_i stands in front of it. The teacher is a constant.
    """
    log_probs = torch.log_softmax(student_logits / temperature, dim=class_axis)
    ratio = log_probs - torch.log_softmax(teacher_logits / temperature, dim=class_axis)
    probs = log_probs.exp()
    return (ratio - (probs * ratio).sum(class_axis, keepdim=True)).mul_(probs).mul_(temperature)


def skewed_kl(
    teacher_logits: Tensor,
    student_logits: Tensor,
    skew: float | Tensor,
    temperature: float | Tensor = 1.0,
) -> Tensor:
    """Return KL(teacher ‖ λ·teacher + (1 − λ)·student) in nats: one value per model.

        KL = 1/N · Σ_n Σ_i q · (ln q − ln(λ·q + (1 − λ)·p)),   q teacher, p student, both at T

    λ = 0 is :func:`kl_divergence`. With λ above 0 no answer that the student leaves out costs more
    than ln(1/λ). With student and teacher swapped it is the skewed reverse KL.

    Raises
    ------
    ValueError
        If a skew is not from 0 up to, but not including, 1.

    Notes
    -----
    Ko et al. (2024), *DistiLLM: towards streamlined distillation for large language models*,
    section 3.1; there λ is called α, and 0.1 is its default.
    """
    skew = _share(skew, "skew", student_logits)
    if not bool((skew < 1).all()):
        raise ValueError("skew must be below 1: nothing would be left of the student")
    teacher, student = _both_log_probs(teacher_logits, student_logits, temperature)
    return _kl_of_each_example(teacher, _log_mixture(teacher, student, skew)).mean(dim=-1)


def generalised_jsd(
    teacher_logits: Tensor,
    student_logits: Tensor,
    beta: float | Tensor,
    temperature: float | Tensor = 1.0,
) -> Tensor:
    """Return the generalised Jensen–Shannon divergence in nats: one value per model.

        JSD(β) = β · KL(q ‖ m) + (1 − β) · KL(p ‖ m),   m = β·q + (1 − β)·p,   q teacher, p student
        JSD(0) = KL(q ‖ p),   JSD(1) = KL(p ‖ q)   by convention

    The curve jumps at both ends. Towards β = 0 the formula tends to 0, like β · KL(q ‖ p), and
    towards β = 1 like (1 − β) · KL(p ‖ q): the directions of the gradient tend to those of the
    two KLs, its size to nothing. The convention puts back the size.

    Raises
    ------
    ValueError
        If a β is not from 0 to 1.

    Notes
    -----
    Agarwal et al. (2024), *On-policy distillation of language models*, equation 1; the convention
    at the ends is that of the library TRL (``GKDTrainer``).
    """
    beta = _share(beta, "beta", student_logits)
    teacher, student = _both_log_probs(teacher_logits, student_logits, temperature)
    # At the ends the mixture is one of the two itself: the formula gives 0, never ∞ − ∞.
    mixture = _log_mixture(teacher, student, beta)
    of_teacher = _kl_of_each_example(teacher, mixture).mean(dim=-1)
    of_student = _kl_of_each_example(student, mixture).mean(dim=-1)
    inside = beta * of_teacher + (1 - beta) * of_student
    forward = _kl_of_each_example(teacher, student).mean(dim=-1)
    backward = _kl_of_each_example(student, teacher).mean(dim=-1)
    return torch.where(beta == 0, forward, torch.where(beta == 1, backward, inside))


def _soft_difference(
    student_logits: Tensor, teacher_logits: Tensor, temperature: Tensor, class_axis: int
) -> Tensor:
    """Return ``p(T) − q(T)``, in the student's shape."""
    difference = torch.softmax(student_logits / temperature, dim=class_axis)
    return difference.sub_(torch.softmax(teacher_logits / temperature, dim=class_axis))


def _both_log_probs(
    teacher_logits: Tensor, student_logits: Tensor, temperature: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return what teacher and student say at T as log-probabilities; the teacher is a constant."""
    temperature = _per_model(temperature, student_logits)
    teacher = torch.log_softmax(_at_temperature(teacher_logits.detach(), temperature), dim=-1)
    return teacher, torch.log_softmax(_at_temperature(student_logits, temperature), dim=-1)


def _log_mixture(teacher: Tensor, student: Tensor, share: Tensor) -> Tensor:
    """Return ln(share · q + (1 − share) · p) of log-probabilities ``[..., N, C]``."""
    if share.ndim:
        share = share[..., None, None]
    return torch.logaddexp(teacher + share.log(), student + torch.log1p(-share))


def _share(value: float | Tensor, name: str, logits: Tensor) -> Tensor:
    """Return a number from 0 to 1 for each model."""
    value = _per_model(value, logits)
    if not bool(((value >= 0) & (value <= 1)).all()):
        raise ValueError(f"{name} must be from 0 to 1")
    return value


def _kl_of_each_example(teacher_log_probs: Tensor, student_log_probs: Tensor) -> Tensor:
    """Return Σ_i q_i · (ln q_i − ln p_i): ``[..., N, C]`` → ``[..., N]``."""
    teacher_probs = teacher_log_probs.exp()
    terms = teacher_probs * (teacher_log_probs - student_log_probs)
    return torch.where(teacher_probs > 0, terms, 0.0).sum(dim=-1)


def _split_at_target(
    logits: Tensor, targets: Tensor, temperature: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return logits of (target, all others together) ``[..., N, 2]`` and of the others, C − 1."""
    scaled = _at_temperature(logits, temperature)
    classes = logits.shape[-1]
    index = targets.expand(scaled.shape[:-1]).unsqueeze(-1)
    others = scaled.gather(-1, (index + torch.arange(1, classes)) % classes)
    together = torch.logsumexp(others, dim=-1, keepdim=True)
    return torch.cat([scaled.gather(-1, index), together], dim=-1), others


def _relative_distances(features: Tensor) -> Tensor:
    """Return the distance of each pair of examples over their mean: ``[..., N·(N − 1)/2]``."""
    first, second = torch.triu_indices(features.shape[-2], features.shape[-2], offset=1)
    distances = torch.cdist(features, features)[..., first, second]
    return distances / distances.mean(dim=-1, keepdim=True).clamp_min(1e-12)


def _cosines(features: Tensor) -> Tensor:
    """Return cos(n, m, k) at ``[..., m, n, k]``: ``[..., N, d]`` → ``[..., N, N, N]``."""
    apart = features.unsqueeze(-3) - features.unsqueeze(-2)  # [..., m, n, d]: h_n − h_m
    length = apart.norm(dim=-1, keepdim=True)
    # Divided by ∞ where there is no direction, so that no gradient comes from there either.
    directions = apart / torch.where(length > 0, length, torch.inf)
    return directions @ directions.mT


def _at_temperature(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Return (z − max z) / T.

    Taking the maximum off before dividing keeps every T > 0 finite-safe: the largest entry stays
    0 however small T is, where z / T alone would overflow to ∞ − ∞.
    """
    logits = logits if logits.is_floating_point() else logits.to(torch.get_default_dtype())
    temperature = _per_model(temperature, logits)
    if not bool((temperature > 0).all()):
        raise ValueError("temperature must be above zero")
    if temperature.ndim:
        temperature = temperature[..., None, None]
    return (logits - logits.detach().amax(dim=-1, keepdim=True)) / temperature


def _per_model(value: float | Tensor, logits: Tensor) -> Tensor:
    """Return a number or tensor as a tensor over the leading axes of ``logits [..., N, C]``."""
    value = torch.as_tensor(value, dtype=logits.dtype, device=logits.device)
    # A shape such as [R, 1, 1], ready to multiply with logits, is welcome too.
    if value.ndim == logits.ndim and value.ndim >= 2 and value.shape[-2:] == (1, 1):
        value = value[..., 0, 0]
    return value


def _check_targets(targets: Tensor, logits: Tensor) -> None:
    """Refuse targets that are not one class per example of ``logits [..., N, C]``."""
    examples, classes = logits.shape[-2:]
    if targets.shape[-1:] != (examples,) or not _fits(targets.shape[:-1], logits.shape[:-2]):
        raise ValueError(
            f"targets {tuple(targets.shape)} must name one class for each example of logits "
            f"{tuple(logits.shape)}"
        )
    if targets.numel() and not bool(((targets >= 0) & (targets < classes)).all()):
        raise ValueError(f"targets must be classes from 0 to {classes - 1}")


def _fits(shape: torch.Size, models: torch.Size) -> bool:
    """Say whether a shape broadcasts to the models' without making them more."""
    # torch.broadcast_shapes would import SymPy, which stays: 30 MB.
    pairs = zip(reversed(shape), reversed(models), strict=False)
    return len(shape) <= len(models) and all(own in (1, theirs) for own, theirs in pairs)
