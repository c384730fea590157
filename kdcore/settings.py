"""What can be set in a run: names, ranges, help texts and how they are written.

The engine, the command line, the address bar and the sliders of every page all take a
parameter's range and wording from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: Multiply-adds that one run may take, about two minutes on one core.
WORK_LIMIT = 1e13


class Parameter(Protocol):
    """One thing that can be set: how it is read from text, written, and checked."""

    @property
    def name(self) -> str:
        """Key of ``--set`` and of the address bar."""
        ...

    @property
    def help(self) -> str:
        """One sentence for a learner."""
        ...

    @property
    def accepts(self) -> str:
        """Say in a few words what values are accepted."""
        ...

    def parse(self, text: str) -> Any:
        """Read a value from text; ``ValueError`` says what is accepted."""
        ...

    def format(self, value: Any) -> str:
        """Write a value as :meth:`parse` reads it."""
        ...

    def check(self, value: Any) -> Any:
        """Return the value in its own type; ``ValueError`` says what is accepted."""
        ...


@dataclass(frozen=True)
class Number:
    """A number from ``minimum`` to ``maximum``."""

    name: str
    label: str
    help: str
    minimum: float
    maximum: float
    whole: bool = False

    @property
    def accepts(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.minimum:g} to {self.maximum:g}"

    def parse(self, text: str) -> float:
        try:
            return self.check(float(text))
        except ValueError:
            raise self._refusal(text) from None

    def format(self, value: float) -> str:
        # The shortest text that reads back as the same number.
        return repr(int(value) if value == int(value) else value)

    def check(self, value: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(value)
        if not self.minimum <= value <= self.maximum:  # so is "not a number"
            raise self._refusal(value)
        if not self.whole:
            return float(value)
        if value != int(value):
            raise self._refusal(value)
        return int(value)

    def _refusal(self, value: object) -> ValueError:
        return ValueError(f"{self.name} must be {self.accepts}, not {str(value)[:40]!r}")


@dataclass(frozen=True)
class List:
    """A comma-separated list of different values of one kind, such as ``1,4,8``."""

    name: str
    help: str
    of: Number | Shape
    separator: str = ","
    longest: int = 50

    @property
    def accepts(self) -> str:
        parts = "commas" if self.separator == "," else "semicolons"
        return f"1 to {self.longest} different values separated by {parts}, each {self.of.accepts}"

    def parse(self, text: str) -> tuple[Any, ...]:
        return self.check(tuple(self.of.parse(part) for part in text.split(self.separator)))

    def format(self, value: tuple[Any, ...]) -> str:
        return self.separator.join(self.of.format(item) for item in value)

    def check(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not isinstance(value, tuple | list):
            raise self._refusal()
        values = tuple(self.of.check(item) for item in value)
        if not 1 <= len(values) <= self.longest or len(set(values)) < len(values):
            raise self._refusal()
        return values

    def _refusal(self) -> ValueError:
        return ValueError(f"{self.name} must be {self.accepts}")


@dataclass(frozen=True)
class Shape:
    """The widths of a network's hidden layers, such as ``256,128``."""

    name: str
    help: str
    widest: int = 1024
    deepest: int = 4

    @property
    def accepts(self) -> str:
        return f"1 to {self.deepest} layer widths from 1 to {self.widest} separated by commas"

    def parse(self, text: str) -> tuple[int, ...]:
        try:
            return self.check(tuple(int(part) for part in text.split(",")))
        except ValueError:
            raise ValueError(f"{self.name} must be {self.accepts}, not {text[:40]!r}") from None

    def format(self, value: tuple[int, ...]) -> str:
        return ",".join(str(width) for width in value)

    def check(self, value: tuple[int, ...]) -> tuple[int, ...]:
        widths = tuple(value) if isinstance(value, tuple | list) else ()
        whole = all(type(width) is int and 1 <= width <= self.widest for width in widths)
        if not whole or not 1 <= len(widths) <= self.deepest:
            raise ValueError(f"{self.name} must be {self.accepts}, not {value!r}")
        return widths


TEMPERATURE = Number(
    "temperature",
    "Temperature T",
    "Divides the logits before the softmax. Higher T, softer labels.",
    0.1,
    100,
)
ALPHA = Number(
    "alpha",
    "Balance α",
    "Weight of the hard labels in the loss; the teacher's soft labels get 1 − α.",
    0,
    1,
)
LABELS = Number(
    "labels",
    "Labels",
    "How many labelled images each student sees. Its teacher has seen 900 unless said otherwise.",
    10,
    900,
    whole=True,
)
SEEDS = Number(
    "seeds",
    "Seeds",
    "How many times everything is repeated: other labelled images, weights and batch order.",
    2,
    1000,
    whole=True,
)
LABEL_NOISE = Number(
    "label_noise",
    "Wrong labels",
    "Share of the student's labels that are replaced by a wrong class.",
    0,
    0.9,  # with ten classes, labels that say nothing at all
)
TEACHER_LABELS = Number(
    "teacher_labels",
    "Teacher's labels",
    "How many labelled images the teacher has learned from: few make a weak teacher.",
    10,
    900,
    whole=True,
)
EPOCHS = Number(
    "teacher_epochs",
    "Teacher's epochs",
    "How many times the teacher passes through its images; more make it surer of itself.",
    1,
    200,
    whole=True,
)
ASSISTANT_LABELS = Number(
    "assistant_labels",
    "Assistant's images",
    "How many images of the training pool the teacher teaches its assistant on.",
    10,
    900,
    whole=True,
)
HINT_WEIGHT = Number(
    "hint_weight",
    "Hint weight β",
    "Weight of the match with the teacher's hidden layer; the hard labels weigh 1.",
    0,
    1000,
)
COHORT = Number(
    "peers",
    "Peers",
    "How many networks learn together, each from the others; 1 learns alone.",
    1,
    8,
    whole=True,
)
GENERATIONS = Number(
    "generations",
    "Generations",
    "How many times a new student is taught by the one before.",
    1,
    10,
    whole=True,
)
HINT_LAYER = Number(
    "hint_layer",
    "Teacher's layer",
    "Hidden layer of the teacher that gives the hint, counted from the input; 0 is the last.",
    0,
    4,
    whole=True,
)
GUIDED_LAYER = Number(
    "guided_layer",
    "Student's layer",
    "Hidden layer of the student that takes the hint, counted from the input; 0 is the last.",
    0,
    4,
    whole=True,
)
DIGIT = Number("digit", "Digit", "One of the ten classes.", 0, 9, whole=True)
#: At least two digits are left to learn from.
OMIT = List("omit", "Digits that the student's training set has no image of.", DIGIT, longest=8)
PLANE_NOISE = Number(
    "noise",
    "Noise",
    "How far the points stray from the shape they belong to.",
    0,
    1,
)
PLANE_POINTS = Number(
    "points",
    "Points",
    "How many points the teacher is trained on; accuracy is measured on others.",
    20,
    1000,
    whole=True,
)
LABELS_PER_CLASS = Number(
    "labels_per_class",
    "Labels per class",
    "How many labelled points of each class both students see; the teacher sees all.",
    1,
    1000,
    whole=True,
)
SEED = Number(
    "seed",
    "Seed",
    "Another seed draws other points, labelled points, first weights and batches.",
    0,
    9999,
    whole=True,
)
STUDENT_WIDTH = Number(
    "student_width",
    "Student width",
    "Hidden units of a student with one hidden layer.",
    1,
    1024,
    whole=True,
)
STUDENT_HIDDEN = Shape("student_hidden", "Hidden layers of the student.")
TEACHER_HIDDEN = Shape("teacher_hidden", "Hidden layers of the teacher.")
ASSISTANT_HIDDEN = Shape("assistant_hidden", "Hidden layers of the assistant.")

#: Every parameter of every experiment, by name.
PARAMETERS: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        TEMPERATURE,
        ALPHA,
        LABELS,
        SEEDS,
        List("temperatures", "Temperatures to compare.", TEMPERATURE),
        LABEL_NOISE,
        HINT_WEIGHT,
        GENERATIONS,
        HINT_LAYER,
        GUIDED_LAYER,
        List("hint_weights", "Hint weights to compare.", HINT_WEIGHT),
        List("peers", "Sizes of the cohorts to compare.", COHORT),
        TEACHER_LABELS,
        EPOCHS,
        ASSISTANT_LABELS,
        List("alphas", "Balances to compare.", ALPHA),
        List("teachers", "Hidden layers of each teacher to compare.", TEACHER_HIDDEN, ";", 12),
        List("map_teacher_labels", "Rows of the map: teacher's labels.", TEACHER_LABELS, ",", 10),
        List("map_label_noise", "Columns of the map: wrong labels.", LABEL_NOISE, ",", 10),
        OMIT,
        List("student_widths", "Student widths to compare.", STUDENT_WIDTH, longest=12),
        STUDENT_HIDDEN,
        TEACHER_HIDDEN,
        ASSISTANT_HIDDEN,
    )
}


class CheckedSettings:
    """Base of the frozen settings of an experiment: each field is checked by its parameter."""

    def __post_init__(self) -> None:
        for name in type(self).__dataclass_fields__:  # type: ignore[attr-defined]
            checked = PARAMETERS[name].check(getattr(self, name))
            object.__setattr__(self, name, checked)
        self.check_together()
        if self.work() > WORK_LIMIT:
            raise ValueError(
                f"This run needs {self.work() / WORK_LIMIT:.1f} times the work that is allowed "
                "in one run: take fewer seeds, fewer conditions or narrower networks"
            )

    def check_together(self) -> None:
        """Check what no parameter can check alone."""

    def work(self) -> float:
        """Return the multiply-adds of the whole run."""
        raise NotImplementedError
