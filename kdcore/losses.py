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
    teacher_log_probs = torch.log_softmax(_at_temperature(teacher_logits, temperature), dim=-1)
    student_log_probs = torch.log_softmax(_at_temperature(student_logits, temperature), dim=-1)
    teacher_probs = teacher_log_probs.exp()
    terms = teacher_probs * (teacher_log_probs - student_log_probs)
    return torch.where(teacher_probs > 0, terms, 0.0).sum(dim=-1).mean(dim=-1)


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    targets: Tensor,
    temperature: float | Tensor,
    alpha: float | Tensor,
) -> DistillationLoss:
    """Return the distillation loss of each model, with its hard and soft parts.

        L = α · CE(student, labels) + (1 − α) · T² · KL(teacher_T ‖ student_T)

    The soft gradient shrinks as 1/T²; the factor T² makes up for it, so that α means the same at
    every temperature. The teacher is a constant here: no gradient flows into its logits.

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
    if student_logits.shape[-2:] != teacher_logits.shape[-2:]:
        raise ValueError(
            "student and teacher logits must agree in examples and classes, "
            f"not {tuple(student_logits.shape)} and {tuple(teacher_logits.shape)}"
        )
    alpha = _per_model(alpha, student_logits)
    if not bool(((alpha >= 0) & (alpha <= 1)).all()):
        raise ValueError("alpha must be from 0 to 1")
    hard = cross_entropy(student_logits, targets)
    temperature = _per_model(temperature, student_logits)
    soft = temperature**2 * kl_divergence(teacher_logits.detach(), student_logits, temperature)
    return DistillationLoss(alpha * hard + (1 - alpha) * soft, hard, soft)


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
    soft_pull = torch.softmax(student_logits / temperature, dim=class_axis)
    soft_pull.sub_(torch.softmax(teacher_logits / temperature, dim=class_axis))
    hard_pull = hard_gradient(student_logits, one_hot, class_axis)
    return hard_pull.mul_(alpha).add_(soft_pull.mul_((1 - alpha) * temperature))


def hard_gradient(student_logits: Tensor, one_hot: Tensor, class_axis: int = -1) -> Tensor:
    """Return the gradient of the summed cross-entropy: ``p(1) − y``, in the logits' shape."""
    return torch.softmax(student_logits, dim=class_axis).sub_(one_hot)


def _at_temperature(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Return (z − max z) / T.

    Taking the maximum off before dividing keeps every T > 0 finite-safe: the largest entry stays
    0 however small T is, where z / T alone would overflow to ∞ − ∞.
    """
    temperature = _per_model(temperature, logits)
    if not bool((temperature > 0).all()):
        raise ValueError("temperature must be above zero")
    largest = logits.detach().amax(dim=-1, keepdim=True)
    return (logits - largest) / temperature[..., None, None]


def _per_model(value: float | Tensor, logits: Tensor) -> Tensor:
    """Return a number or tensor as a tensor over the leading axes of ``logits [..., N, C]``."""
    value = torch.as_tensor(value, dtype=logits.dtype, device=logits.device)
    # A shape such as [R, 1, 1], ready to multiply with logits, is welcome too.
    if value.ndim == logits.ndim and value.ndim >= 2 and value.shape[-2:] == (1, 1):
        value = value[..., 0, 0]
    return value
