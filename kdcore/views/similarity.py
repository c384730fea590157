"""Which classes look alike to a teacher: its mean soft labels, class by class."""

from __future__ import annotations

import torch
from torch import Tensor

from kdcore.losses import soft_labels
from kdcore.statistics import Interval, mean_interval


def class_similarity(logits: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the mean soft label of the examples of each true class.

        M_ij(T) = mean of p_j(T) over the examples whose class is i

    Parameters
    ----------
    logits
        ``[..., N, C]``.
    labels
        True classes ``[N]``; each class has at least one example.
    temperature
        Softens the labels.

    Returns
    -------
    Tensor
        ``[..., C, C]``, true classes in rows; each row sums to 1.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 1: the relative probabilities of wrong answers tell how
    a network tends to generalise. Here they are averaged over a class.
    """
    classes = logits.shape[-1]
    belongs = torch.nn.functional.one_hot(labels, classes).double()  # [N, C]
    share = belongs / belongs.sum(0)
    return share.T @ soft_labels(logits, temperature).double()


def similarity_intervals(
    logits: Tensor, labels: Tensor, temperature: float
) -> list[list[Interval]]:
    """Return :func:`class_similarity` of S teachers, logits ``[S, N, C]``, with its intervals."""
    maps = class_similarity(logits, labels, temperature)
    classes = range(maps.shape[-1])
    return [[mean_interval(maps[:, i, j]) for j in classes] for i in classes]


def class_means(inputs: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the mean image of each class: ``[N, D]`` → ``[C, D]``."""
    return torch.stack([inputs[labels == label].mean(0) for label in range(classes)])


def seriation(similarity: Tensor) -> list[int]:
    """Return an order of the classes in which similar ones stand near each other.

    Spectral seriation: sort by the eigenvector of the second smallest eigenvalue of the graph
    Laplacian, whose entries are close for classes that are strongly connected: of all orders it
    about minimises Σ_ij W_ij · (place_i − place_j)². Of the two directions it takes the one that
    begins with the lower class.

    Parameters
    ----------
    similarity
        ``[C, C]``; it need not be symmetric, and its diagonal does not count.

    Notes
    -----
    Atkins, Boman, Hendrickson (1998), *A spectral algorithm for seriation and the consecutive
    ones problem*.
    """
    weights = mutual_similarity(similarity).double()
    laplacian = torch.diag(weights.sum(1)) - weights
    second = torch.linalg.eigh(laplacian).eigenvectors[:, 1]
    order = [int(i) for i in second.argsort(stable=True)]
    return order if order[0] < order[-1] else order[::-1]


def mutual_similarity(similarity: Tensor) -> Tensor:
    """Return how much each two classes are taken for one another, ``[C, C]`` with a zero diagonal.

    W_ij = (M_ij + M_ji) / 2
    """
    weights = (similarity + similarity.T) / 2
    return weights - torch.diag(weights.diagonal())


def look_alikes(
    logits: Tensor, labels: Tensor, true_class: int, other: int, temperature: float, count: int
) -> list[tuple[int, float]]:
    """Return the examples of a class to which a teacher gives most probability of another class.

    Parameters
    ----------
    logits
        ``[S, N, C]``; probabilities are means over the S teachers.
    labels
        True classes ``[N]``.
    true_class, other
        Whose examples, and which class they resemble.
    temperature
        Softens the labels.
    count
        How many at most.

    Returns
    -------
    list of (int, float)
        Row and probability, the highest first.
    """
    probability = soft_labels(logits, temperature).double().mean(0)[:, other]
    probability = torch.where(labels == true_class, probability, -1.0)
    count = min(count, int((labels == true_class).sum()))
    top = probability.topk(count)
    return list(zip(top.indices.tolist(), top.values.tolist(), strict=True))


def strongest_pair(similarity: Tensor) -> tuple[int, int]:
    """Return row and column of the largest entry ``[C, C]`` beside the diagonal."""
    classes = len(similarity)
    others = similarity.masked_fill(torch.eye(classes, dtype=torch.bool), -1.0)
    row, column = divmod(int(others.argmax()), classes)
    return row, column
