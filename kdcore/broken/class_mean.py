"""KL averaged over classes: divided by N · C in place of N.

    kl = 1/(N · C) · Σ_n Σ_i q_{n,i} · (ln q_{n,i} − ln p_{n,i})

It is what ``reduction="mean"``, PyTorch's default, does; ``"batchmean"`` is the KL. The soft term
is C times too small.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, softmax

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
    log_probs = log_softmax(student_logits / T, -1)
    kl = kl_div(log_probs, soft_labels, reduction="none")
    soft = T**2 * kl.mean((-2, -1))
    total = alpha * hard + (1 - alpha) * soft
    return DistillationLoss(total, hard, soft)
