"""A film of networks on points of the plane: what they say of every place while they train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdcore.distillation import accuracy
from kdcore.models import MLPStack
from kdcore.monitor import LearningCurve, Monitor
from kdcore.playground.shapes import Plane
from kdcore.training import Objective, Progress, TrainingSettings, train

#: Pictures of the training besides the one before it.
FRAMES = 60
#: Cells along each side of the plane: fine enough for a smooth boundary when drawn larger.
GRID = 40
#: Samples a network sees at least, where nothing else is said.
SAMPLES_SEEN = 12_000
#: Two inputs and few classes: larger steps than for the digits, or the spirals take too long.
LEARNING_RATE = 1e-2


@dataclass(frozen=True, eq=False)
class Film:
    """What one network said of every cell of the grid, frame by frame; frame 0 is untrained."""

    #: ``[frames, GRID², classes − 1]``, float16: how far each logit is above that of the last
    #: class. Softmax cannot tell these differences from the logits, and they are one class less.
    logits: NDArray[np.float16]
    #: Accuracy on the points that are measured on, frame by frame.
    accuracy: tuple[float, ...]
    #: Training samples the network has seen, frame by frame.
    samples_seen: tuple[int, ...]


def grid(reach: float) -> Tensor:
    """Return the centres of the cells ``[GRID², 2]``, row by row from the bottom left."""
    axis = (torch.arange(GRID) + 0.5) / GRID * 2 * reach - reach
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def filmed(
    stack: MLPStack,
    data: Plane,
    rows: Tensor,
    objective: Objective,
    reach: float,
    monitor: Monitor,
    stage: str,
    samples: int = SAMPLES_SEEN,
) -> list[Film]:
    """Train the networks of one seed on some rows; return the film of each.

    They see each row as often as another, once a frame at least: so they may see somewhat more
    than ``samples``.
    """
    cells, pool, test = grid(reach), data.dataset.training, data.dataset.test
    passes = -(-samples // (FRAMES * len(rows)))  # through the points, for each frame
    settings = TrainingSettings(FRAMES * passes * len(rows), learning_rate=LEARNING_RATE)
    logits, measured, samples_seen = [], LearningCurve(), [0]

    def film() -> None:
        said = stack.logits(cells)[0]  # [C, GRID², classes]
        logits.append((said[..., :-1] - said[..., -1:]).half().numpy())
        measured.accuracy.append(accuracy(stack.logits(test.inputs), test.labels)[0])

    def on_epoch(progress: Progress) -> None:
        # A pass may end within a batch, up to one step before its share of the steps is done. The
        # last frame waits for the last step, so that it shows the trained networks.
        due = len(samples_seen)
        reached = progress.fraction * FRAMES >= due - FRAMES / settings.steps
        if progress.fraction == 1 or (due < FRAMES and reached):
            samples_seen.append(progress.samples_seen)
            film()
        monitor.report(stage, progress.fraction, measured)

    film()
    train(stack, pool.inputs, rows[None], objective, settings, on_epoch, monitor.is_cancelled)
    return [
        Film(
            np.stack([frame[c] for frame in logits]),
            tuple(float(frame[c]) for frame in measured.accuracy),
            tuple(samples_seen),
        )
        for c in range(len(stack))
    ]
