"""Probabilities where ``kl_div`` expects their logarithms.

    kl = 1/N · Σ_n Σ_i q_{n,i} · (ln q_{n,i} − p_{n,i})

Linear in p and never above zero: no divergence at all. It is least where the student puts
everything on the teacher's likeliest class.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import kl_div, softmax

from kdcore.losses import DistillationLoss, cross_entropy


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
    probs = softmax(student_logits / T, -1)
    kl = kl_div(probs, soft_labels, reduction="none")
    soft = T**2 * kl.sum(-1).mean(-1)
    total = alpha * hard + (1 - alpha) * soft
    return DistillationLoss(total, hard, soft)
