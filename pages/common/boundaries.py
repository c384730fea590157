"""The film of the playground on screen: plays in the browser, without a round trip.

The component holds the logits of every frame and cell; its code is in ``assets/boundaries.*``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from kdcore.experiments.playground import PlaygroundResult
from kdcore.figures import CLASS_LOOKS, MARKERS
from kdcore.playground.film import GRID, Film
from kdcore.playground.own import FEWEST_CLICKS_PER_CLASS
from pages.common.components import component, said

_KEY = "boundaries-film"
_NETWORKS = ("teacher", "hard", "distilled")

#: Classes that can be placed by clicking; more buttons would not fit beside each other.
OWN_CLASSES = ("A", "B", "C", "D")
#: A place has a hard label if a training point lies within so many standard deviations.
NEAR = 0.3
#: What an empty plane shows, in either direction.
EMPTY_REACH = 3.0

_component = component("boundaries")


def film(
    result: PlaygroundResult | None,
    *,
    temperature: float,
    seed: int,
    own_points: list[tuple[float, float, int]] | None,
    words: dict[str, str],
    stale: bool,
    on_new_seed: Callable[[], None],
    on_own_points: Callable[[Any], None],
) -> None:
    """Draw the three networks' film, or empty planes while there is none.

    Parameters
    ----------
    own_points
        The points that were placed so far, ``(x, y, class)`` in the units they were placed in;
        None if points cannot be placed.
    stale
        Whether the film belongs to earlier settings and is about to change.
    on_new_seed
        Called when the learner asks for another seed.
    on_own_points
        Called with what the learner placed, unchecked.
    """
    empty = _empty() if result is None else _described(result)
    measured = words["no_points"] if result is None else _measured(result, words)
    _component(
        key=_KEY,
        data=empty
        | {
            "networks": [
                {
                    "who": who,
                    "name": words[who],
                    "marker": MARKERS[who],
                    **(_encoded(getattr(result.measured, who)) if result else {"accuracy": []}),
                }
                for who in _NETWORKS
            ],
            "palette": [{"colour": colour, "shape": shape} for colour, shape in CLASS_LOOKS],
            "grid": GRID,
            "near": NEAR,
            "temperature": temperature,
            "seed": seed,
            "editable": own_points is not None,
            "ownPoints": own_points or [],
            "ownNames": OWN_CLASSES,
            "fewest": FEWEST_CLICKS_PER_CLASS,
            "stale": stale,
            "words": words | {"measured": measured},
        },
        on_new_seed_change=on_new_seed,
        on_own_points_change=lambda: on_own_points(said(_KEY, "own_points", list)),
    )


def _described(result: PlaygroundResult) -> dict[str, Any]:
    measured, settings = result.measured, result.settings
    plane = measured.plane
    # Points placed by clicking keep the look of their letter, whichever letters were used.
    names = plane.class_names
    placed = settings.own is not None and not settings.own.held_out
    looks = [OWN_CLASSES.index(name) if placed else k for k, name in enumerate(names)]
    training, seen = plane.dataset.training, set(measured.seen.tolist())
    story = (
        settings.own or (settings.plane, settings.noise, settings.points),
        settings.teacher_hidden,
        settings.student_hidden,
        settings.labels_per_class,
        settings.seed,
    )
    return {
        "film": str(hash(settings)),
        "story": str(hash(story)),
        "classes": len(names),
        "classNames": names,
        "looks": looks,
        "axes": plane.axes,
        "reach": measured.reach,
        "centre": plane.centre.tolist(),
        "scale": plane.scale.tolist(),
        "points": [
            [round(x, 4), round(y, 4), looks[label], row in seen]
            for row, ((x, y), label) in enumerate(
                zip(training.inputs.tolist(), training.labels.tolist(), strict=True)
            )
        ],
    }


def _empty() -> dict[str, Any]:
    return {
        "film": "",
        "story": "",
        "classes": len(OWN_CLASSES),
        "classNames": OWN_CLASSES,
        "looks": list(range(len(OWN_CLASSES))),
        "axes": ("x", "y"),
        "reach": EMPTY_REACH,
        "centre": [0.0, 0.0],
        "scale": [1.0, 1.0],
        "points": [],
    }


def _encoded(film: Film) -> dict[str, Any]:
    return {
        "logits": base64.b64encode(film.logits.astype("<f2").tobytes()).decode("ascii"),
        "accuracy": film.accuracy,
        "samples": film.samples_seen,
    }


def _measured(result: PlaygroundResult, words: dict[str, str]) -> str:
    text = words["on_held_out" if result.measured.plane.held_out else "on_training"]
    return text.format(n=result.measured.points_measured_on)
