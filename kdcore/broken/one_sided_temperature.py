"""T on the teacher's side only.

    kl = KL(teacher_T ‖ student_1)

What is least at the teacher's *softened* probabilities is a student that is as unsure at T = 1 as
its teacher is at T.
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
    log_probs = log_softmax(student_logits, -1)
    kl = kl_div(log_probs, soft_labels, reduction="none")
    soft = T**2 * kl.sum(-1).mean(-1)
    total = alpha * hard + (1 - alpha) * soft
    return DistillationLoss(total, hard, soft)
