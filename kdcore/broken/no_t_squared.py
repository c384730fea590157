"""No factor T²: the soft term fades as 1/T², and α does not mean what it says.

L = α · CE + (1 − α) · KL(teacher_T ‖ student_T)
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
    soft = kl.sum(-1).mean(-1)
    total = alpha * hard + (1 - alpha) * soft
    return DistillationLoss(total, hard, soft)
