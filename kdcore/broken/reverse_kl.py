"""The KL the wrong way round: KL(student ‖ teacher), which has the same minimum and other pulls.

PyTorch's ``kl_div(a, b)`` is KL(b ‖ a), which is easily read the other way.
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
    teacher_log_probs = log_softmax(teacher_logits / T, -1)
    probs = softmax(student_logits / T, -1)
    kl = kl_div(teacher_log_probs, probs, reduction="none")
    soft = T**2 * kl.sum(-1).mean(-1)
    total = alpha * hard + (1 - alpha) * soft
    return DistillationLoss(total, hard, soft)
