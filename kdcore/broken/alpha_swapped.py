"""α the wrong way round: it weighs the soft labels here, while whoever sets it means the hard ones.

    L = (1 − α) · CE + α · T² · KL

Both conventions are in use (it is no bug in itself); the bug is a number taken from one to the
other.
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
    soft = T**2 * kl.sum(-1).mean(-1)
    total = (1 - alpha) * hard + alpha * soft
    return DistillationLoss(total, hard, soft)
