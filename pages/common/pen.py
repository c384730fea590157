"""Pens that walk a circle, drawn in the browser by the networks that were just trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kdcore.figures import PALETTE
from kdcore.models import MLPStack
from kdcore.today.pen import CORRECTION, DIRECTIONS, LANE, STEP, SURENESS, TOKENS
from pages.common.components import component

_pen = component("pen")


@dataclass(frozen=True)
class Hand:
    """Who holds a pen: a student's network, or the teacher, which is a rule."""

    name: str
    #: Whose colour it has: "teacher", "hard", "distilled" or "label".
    who: str
    network: MLPStack | None = None


def rule() -> dict[str, float]:
    """Return the numbers of the teacher's rule, as the component takes them."""
    return {
        "step": STEP,
        "correction": CORRECTION,
        "sureness": SURENESS,
        "directions": DIRECTIONS,
    }


def layers(network: MLPStack) -> dict[str, Any]:
    """Return the weights and biases of one network as plain lists."""
    return {
        "weights": [weight[0].tolist() for weight in network.weights],
        "biases": [bias[0, :, 0].tolist() for bias in network.biases],
    }


def show(hands: Sequence[Hand], words: dict[str, str], stale: bool) -> None:
    """Draw the pens side by side; drawing begins when the learner says so."""
    _pen(
        key="pen",
        data={
            "hands": [
                {
                    "name": hand.name,
                    "colour": PALETTE[hand.who],
                    "network": None if hand.network is None else layers(hand.network),
                }
                for hand in hands
            ],
            "rule": rule(),
            "tokens": TOKENS,
            "lane": LANE,
            "stale": stale,
            "words": words,
        },
    )
