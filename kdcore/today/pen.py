"""A pen that walks a circle, and a student that takes it over: who writes, who corrects?

The world is small enough to be drawn: a state is where the pen is, ``(x, y)``, a token is one of
eight directions, and a drawing is sixty steps long. The teacher is a rule, so it can be asked
what it would do anywhere, also where it would never have gone by itself. The student is a tiny
network that cannot follow the rule everywhere.

Sources: Ross, Gordon, Bagnell (2011), *A reduction of imitation learning and structured
prediction to no-regret online learning*; Agarwal et al. (2024), *On-policy distillation of
language models: learning from self-generated mistakes*.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kdcore.losses import reverse_kl_gradient, soft_gradient
from kdcore.models import MLPStack

#: What the pen may do next; token k is the direction of angle 2πk/8.
DIRECTIONS = 8
#: How far a token moves the pen; the circle has radius 1.
STEP = 0.2
#: Tokens of a drawing, almost two times around.
TOKENS = 60
#: A pen farther than this from the circle has left the lane.
LANE = 0.5

#: How strongly the teacher turns back to the circle, and how sure it is of its direction.
CORRECTION = 2.0
SURENESS = 6.0

#: What the next token is drawn from: positions ``[..., N, 2]`` → logits ``[..., N, 8]``.
Hand = Callable[[Tensor], Tensor]


def moves() -> Tensor:
    """Return how each token moves the pen, ``[8, 2]``."""
    angles = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    return STEP * torch.stack([angles.cos(), angles.sin()], dim=1)


def teacher_logits(positions: Tensor) -> Tensor:
    """Return the rule's logits for the next token: ``[..., 2]`` → ``[..., 8]``.

        wish = tangent − c · (r − 1) · outward,   z_k = s · cos(angle between wish and direction k)

    On the circle it walks on along it, counter-clockwise; off the circle it turns back.
    """
    radius = positions.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    outward = positions / radius
    tangent = torch.stack([-outward[..., 1], outward[..., 0]], dim=-1)
    wish = tangent - CORRECTION * (radius - 1) * outward
    wish = wish / wish.norm(dim=-1, keepdim=True)
    return SURENESS / STEP * wish @ moves().T


def first_positions(drawings: int, draw: torch.Generator) -> Tensor:
    """Return where drawings begin: anywhere on the circle, ``[drawings, 2]``."""
    angle = 2 * math.pi * torch.rand(drawings, generator=draw)
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def write(hand: Hand, begin: Tensor, uniform: Tensor) -> Tensor:
    """Let a hand draw, token after token; return where the pen was, ``[..., tokens + 1, 2]``.

    Parameters
    ----------
    begin
        First positions ``[..., 2]``.
    uniform
        Numbers from 0 to 1, ``[tokens, ...]``, one for each token: it is the first whose
        cumulative probability exceeds the number. So two hands with the same numbers are paired.
    """
    step, path = moves(), [begin]
    for chance in uniform:
        cumulative = torch.softmax(hand(path[-1]), dim=-1).cumsum(dim=-1)
        # The last sum may round to less than 1: the token is one of the eight all the same.
        token = (cumulative < chance.unsqueeze(-1)).sum(dim=-1).clamp_max(DIRECTIONS - 1)
        path.append(path[-1] + step[token])
    return torch.stack(path, dim=-2)


def students_hand(stack: MLPStack) -> Hand:
    """Return what students say at their own positions, ``[R, N, 2]`` → ``[R, N, 8]``."""
    return lambda positions: stack.forward(positions)[-1].mT


def distance_from_circle(path: Tensor) -> Tensor:
    """Return how far from the circle the pen is: ``[..., 2]`` → ``[...]``."""
    return (path.norm(dim=-1) - 1).abs()


def left_lane(path: Tensor) -> Tensor:
    """Say which drawings leave the lane at any time: ``[..., tokens + 1, 2]`` → ``[...]``."""
    return distance_from_circle(path).amax(dim=-1) > LANE


# ------------------------------------------------------------------------ how a student learns it

#: Drawings made at a time, to be learned from.
DRAWINGS = 16
BATCH = 32
LEARNING_RATE = 1e-2
#: Steps on one round of drawings; then the next round is drawn.
STEPS_A_ROUND = DRAWINGS * TOKENS // BATCH
#: Share of the training in which everyone learns from the teacher's drawings. A hand that cannot
#: write at all would only learn what to do far away from the circle.
WARM_UP = 0.3


class Corrected:
    """Learn from the teacher's corrections of drawings, which someone has drawn.

    The pool that is trained on holds the last few rounds of drawings, and is written anew while
    the training goes on: after every :data:`STEPS_A_ROUND` steps a new round takes the place of
    the oldest. Who draws is what a student is. What the teacher says is looked up nowhere: it is a
    rule, and is asked at each position.

    Parameters
    ----------
    stack
        The students being trained: K kinds one behind the other, each with the same S seeds.
    draw_round
        Makes a round of drawings, ``[K, S, DRAWINGS, TOKENS, 2]``, given the number of steps done.
    kept
        Rounds in the pool.
    reverse
        Whether to learn by KL(student ‖ teacher) or by KL(teacher ‖ student).
    """

    def __init__(
        self, stack: MLPStack, draw_round: Callable[[int], Tensor], kept: int, reverse: bool
    ) -> None:
        self._draw_round = draw_round
        self._kept = kept
        self._reverse = reverse
        self._steps = self._rounds = 0
        self._rows_a_round = DRAWINGS * TOKENS
        #: Positions, ``[R · kept · DRAWINGS · TOKENS, 2]``, filled up as the stack takes them: the
        #: training would work on a copy otherwise, which no later round is written to.
        self.pool = stack.filled(torch.zeros(len(stack) * kept * self._rows_a_round, 2))
        #: The rows of each student, ``[R, kept · DRAWINGS · TOKENS]``.
        self.rows = torch.arange(len(self.pool)).view(len(stack), -1)
        for _ in range(kept):
            self._write_round()

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        positions = self.pool.index_select(0, rows.flatten()).view(*rows.shape, -1)
        said = teacher_logits(positions[..., :2]).mT  # [R, 8, B]
        logits = activations[-1]
        pull = reverse_kl_gradient if self._reverse else soft_gradient
        gradient = pull(logits, said, torch.tensor(1.0), class_axis=-2)
        self._steps += 1
        if self._steps % STEPS_A_ROUND == 0:
            self._write_round()
        return [(logits, gradient.div_(rows.shape[1]))]

    def _write_round(self) -> None:
        place = self._rounds % self._kept
        pool = self.pool.view(len(self.rows), self._kept, self._rows_a_round, -1)
        pool[:, place, :, :2] = self._draw_round(self._steps).reshape(len(self.rows), -1, 2)
        self._rounds += 1
