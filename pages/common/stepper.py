"""One example stepped downhill, in the browser: nobody waits for another's Play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kdcore.settings import TEMPERATURE
from kdcore.views.anatomy import AT_REST, Example, pull_range
from pages.common.components import component
from pages.common.widgets import Slider

#: Play ends after so many steps, if the logits do not come to rest before.
LONGEST_PLAY = 400

_stepper = component("stepper")


def stepper(
    example: Example, temperature: float, alpha: float, rate: float, text: Mapping[str, Any]
) -> None:
    """Draw an example with its pulls, and buttons that step its student's logits downhill.

    Another example starts anew; another T, α or rate goes on from where the logits are.

    Parameters
    ----------
    example
        Before the first step.
    text
        The words of the component, and under ``columns`` the names of its table's columns.
    """
    _stepper(
        key="stepper",
        data={
            "student": example.student.tolist(),
            "teacher": example.teacher.tolist(),
            "label": example.label,
            "temperature": temperature,
            "alpha": alpha,
            "rate": rate,
            "range": list(pull_range(example, _temperatures())),
            "rest": AT_REST,
            "most": LONGEST_PLAY,
            "words": {name: word for name, word in text.items() if name != "columns"},
            "columns": text["columns"],
        },
    )


def _temperatures() -> list[float]:
    """Return every temperature of the slider."""
    scale = Slider(TEMPERATURE).steps
    count = round((scale.maximum - scale.minimum) / scale.step)
    return [scale.minimum + place * scale.step for place in range(count + 1)]
