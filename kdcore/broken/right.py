"""The pieces of a distillation run as they should be: what is kept of the teacher, loss, report.

They are written as public PyTorch code writes them, for a stack: logits are ``[S, N, classes]``,
a loss is one value a seed, ``[S]``, accuracies are ``[looks, S]``; what the cache keeps of one seed
is ``[N, classes]``. What trains the other students of this lab is :mod:`kdcore.losses`; a test
holds the two together.
"""

from __future__ import annotations

from torch import Generator, Tensor, randperm, zeros_like
from torch.nn.functional import kl_div, log_softmax, softmax

from kdcore.losses import DistillationLoss, cross_entropy


def cache(
    teacher_logits: Tensor,
    rows: Tensor,
    draw: Generator,
) -> Tensor:
    """Keep the teacher's logits, by row."""
    # The loader hands rows out in this order.
    order = randperm(len(rows), generator=draw)
    kept = zeros_like(teacher_logits)
    kept[rows[order]] = teacher_logits[rows[order]]
    return kept


def loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    T: float,
    alpha: float,
) -> DistillationLoss:
    """Return the loss; alpha weighs hard labels."""
    hard = cross_entropy(student_logits, labels)
    soft_labels = softmax(teacher_logits / T, -1)
    log_probs = log_softmax(student_logits / T, -1)
    kl = kl_div(log_probs, soft_labels, reduction="none")
    soft = T**2 * kl.sum(-1).mean(-1)
    total = alpha * hard + (1 - alpha) * soft
    return DistillationLoss(total, hard, soft)


def report(test_accuracy: Tensor) -> Tensor:
    """Return what to report, of all its looks."""
    return test_accuracy[-1]
