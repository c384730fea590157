"""What can be set in a run: one record a setting, with its range, its default and what is on offer.

The engine, the command line, the address bar and the controls of every page all take a setting
from here; how it is called and explained stands in ``assets/lessons/en/settings.toml``, or beside
the other words of the one page that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol, Self

from kdcore.data import CLASSES, IMAGES, PIXELS, POOL
from kdcore.memory import LEAST_RUN_BYTES, kept_bytes, training_bytes
from kdcore.models import parameter_count
from kdcore.words import ENGLISH, Refusal, settings_words

#: Multiply-adds that one run may take, so that a class is safe from a single one of its visitors:
#: about three minutes of one core, of which a newcomer's run is lent its share.
WORK_LIMIT = 4e12

#: Where the stacks that a run trains are noted while its work is added up; None otherwise.
_stacks: ContextVar[list[tuple[tuple[int, ...], int]] | None] = ContextVar("stacks", default=None)

#: Passes of a teacher through the training pool. Long enough to be confident, which is what makes
#: temperature matter; every doubling costs as much again.
TEACHER_EPOCHS = 30


class Parameter(Protocol):
    """One thing that can be set: how it is read from text, written, and checked."""

    @property
    def name(self) -> str:
        """Key of ``--set`` and of the address bar."""
        ...

    @property
    def default(self) -> Any:
        """Value of a run that says nothing else."""
        ...

    @property
    def offered(self) -> Any:
        """What a page lets a learner choose from: some values, or :class:`Steps`."""
        ...

    @property
    def accepts(self) -> Refusal:
        """Say in a few words what values are accepted."""
        ...

    def parse(self, text: str) -> Any:
        """Read a value from text; the refusal says what is accepted."""
        ...

    def format(self, value: Any) -> str:
        """Write a value as :meth:`parse` reads it."""
        ...

    def check(self, value: Any) -> Any:
        """Return the value in its own type; the refusal says what is accepted."""
        ...


def label_of(name: str, language: str = ENGLISH) -> str:
    """Return what a setting is called beside its control."""
    return str(settings_words(language)[name]["label"])


def help_of(name: str, language: str = ENGLISH) -> str:
    """Return one sentence on a setting."""
    return str(settings_words(language)[name]["help"])


@dataclass(frozen=True)
class Steps:
    """What a slider offers: an even scale, both ends included."""

    minimum: float
    maximum: float
    step: float


@dataclass(frozen=True)
class Number:
    """A number from ``minimum`` to ``maximum``."""

    name: str
    minimum: float
    maximum: float
    default: float = 0
    offered: Steps | tuple[float, ...] = ()
    whole: bool = False
    as_slider: bool = False

    @property
    def accepts(self) -> Refusal:
        kind = "whole_number" if self.whole else "number"
        return Refusal(kind, minimum=f"{self.minimum:g}", maximum=f"{self.maximum:g}")

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

    def _refusal(self, value: object) -> Refusal:
        return Refusal("value", name=self.name, accepts=self.accepts, value=repr(str(value)[:40]))


@dataclass(frozen=True)
class Shape:
    """The widths of a network's hidden layers, such as ``256,128``."""

    name: str
    default: tuple[int, ...] = ()
    offered: tuple[tuple[int, ...], ...] = ()
    as_slider: bool = False
    widest: int = 1024
    deepest: int = 4

    @property
    def accepts(self) -> Refusal:
        return Refusal("shape", deepest=self.deepest, widest=self.widest)

    def parse(self, text: str) -> tuple[int, ...]:
        try:
            return self.check(tuple(int(part) for part in text.split(",")))
        except ValueError:
            raise self._refusal(text[:40]) from None

    def format(self, value: tuple[int, ...]) -> str:
        return ",".join(str(width) for width in value)

    def check(self, value: tuple[int, ...]) -> tuple[int, ...]:
        widths = tuple(value) if isinstance(value, tuple | list) else ()
        whole = all(type(width) is int and 1 <= width <= self.widest for width in widths)
        if not whole or not 1 <= len(widths) <= self.deepest:
            raise self._refusal(value)
        return widths

    def _refusal(self, value: object) -> Refusal:
        return Refusal("value", name=self.name, accepts=self.accepts, value=repr(value))


@dataclass(frozen=True)
class List:
    """A list of different values of one kind, such as ``1,4,8``."""

    name: str
    of: Number | Shape
    default: tuple[Any, ...] = ()
    offered: tuple[Any, ...] = ()
    separator: str = ","
    longest: int = 50

    @property
    def accepts(self) -> Refusal:
        kind = "list_commas" if self.separator == "," else "list_semicolons"
        return Refusal(kind, longest=self.longest, each=self.of.accepts)

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

    def _refusal(self) -> Refusal:
        return Refusal("value_missing", name=self.name, accepts=self.accepts)


@dataclass(frozen=True)
class Name:
    """One of a few things that have a name; how each is called stands among a page's words."""

    name: str
    offered: tuple[str, ...]
    default: str = ""

    @property
    def accepts(self) -> Refusal:
        return Refusal("name", names=", ".join(self.offered))

    def parse(self, text: str) -> str:
        return self.check(text)

    def format(self, value: str) -> str:
        return value

    def check(self, value: str) -> str:
        if value not in self.offered:
            raise Refusal(
                "value", name=self.name, accepts=self.accepts, value=repr(str(value)[:40])
            )
        return value


# ------------------------------------------------------------------------------ the settings

_WIDTHS = ((4,), (8,), (16,), (32,), (64,), (128,))
_SHAPES = ((16,), (64,), (256,), (256, 128), (512, 256, 128))
#: Teachers of one hidden layer, to be moved through by a slider.
TEACHER_WIDTHS = ((8,), (16,), (32,), (64,), (128,), (256,), (512,))

TEMPERATURE = Number("temperature", 0.1, 100, 4.0, Steps(0.5, 20.0, 0.5))
#: One to compare another with.
LOW_TEMPERATURE = Number("low_temperature", 0.1, 100, 2.0, Steps(0.5, 20.0, 0.5))
ALPHA = Number("alpha", 0, 1, 0.3, Steps(0.0, 1.0, 0.05))
LABELS = Number("labels", 10, POOL, 50, (20, 50, 100, 200, 300, 900), whole=True)
SEEDS = Number("seeds", 2, 1000, 10, (5, 7, 10, 12, 20, 40), whole=True)
FIRST_SEED = Number("first_seed", 0, 1_000_000, 0, whole=True)
# 12,000 samples are what a learner can wait for in every lesson, and not enough for all there is to
# see: after 48,000 the Lab's gain is +12.4 ± 2.3 points instead of +9.1 ± 1.8, and what hurts a
# student of 8 units at T = 10 helps it (*Patience*). So it is a control of every lesson.
STUDENT_SAMPLES = Number(
    "student_samples",
    320,
    1_000_000,
    12_000,
    (3_000, 5_000, 12_000, 36_000, 48_000, 120_000),
    whole=True,
)
SPLIT = Number("split", 0, 1000, 0, (0, 1, 2, 3, 4), whole=True)
# With ten classes, at 0.9 labels say nothing at all.
LABEL_NOISE = Number("label_noise", 0, 0.9, 0.0, Steps(0.0, 0.6, 0.1))
TEACHER_LABELS = Number("teacher_labels", 10, POOL, POOL, (30, 60, 150, 300, 900), whole=True)
EPOCHS = Number("teacher_epochs", 1, 200, TEACHER_EPOCHS, (5, 15, 30, 60), whole=True)
ASSISTANT_LABELS = Number("assistant_labels", 10, POOL, POOL, (100, 300, 900), whole=True)
HINT_WEIGHT = Number("hint_weight", 0, 1000, 10.0, (0, 1, 10, 100))
GENERATIONS = Number("generations", 1, 10, 3, (1, 2, 3, 5), whole=True)
HINT_LAYER = Number("hint_layer", 0, 4, 0, whole=True)
GUIDED_LAYER = Number("guided_layer", 0, 4, 0, whole=True)
STUDENT_HIDDEN = Shape("student_hidden", (32,), _WIDTHS)
TEACHER_HIDDEN = Shape("teacher_hidden", (256, 128), _SHAPES)
ASSISTANT_HIDDEN = Shape("assistant_hidden", (64,))
TEMPERATURES = List(
    "temperatures",
    TEMPERATURE,
    (1.0, 2.0, 3.0, 5.0, 10.0, 20.0),
    (1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 16.0, 20.0),
)
_ALPHAS = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
ALPHAS = List("alphas", ALPHA, _ALPHAS, _ALPHAS)
HINT_WEIGHTS = List("hint_weights", HINT_WEIGHT, (1.0, 10.0, 100.0))
PEERS = List("peers", Number("peers", 1, 8, whole=True), (2, 4))
TEACHERS = List("teachers", TEACHER_HIDDEN, separator=";", longest=12)
#: At least two digits are left to learn from.
OMIT = List(
    "omit",
    Number("digit", 0, CLASSES - 1, whole=True),
    (3,),
    tuple(range(CLASSES)),
    longest=CLASSES - 2,
)
STUDENT_WIDTHS = List(
    "student_widths",
    Number("student_width", 1, 1024, whole=True),
    (4, 8, 16, 32, 64, 128),
    longest=12,
)
MAP_TEACHER_LABELS = List("map_teacher_labels", TEACHER_LABELS, (30, 60, 150, 900), longest=10)
MAP_LABEL_NOISE = List("map_label_noise", LABEL_NOISE, (0.0, 0.2, 0.4, 0.6), longest=10)
PLANE_NOISE = Number("noise", 0, 1, 0.1, Steps(0.0, 0.5, 0.05))
PLANE_POINTS = Number("points", 20, 1000, 240, (60, 120, 240, 480), whole=True, as_slider=True)
LABELS_PER_CLASS = Number("labels_per_class", 1, 1000, 5, (1, 2, 3, 5, 10, 20, 40), whole=True)
SEED = Number("seed", 0, 9999, 0, whole=True)


# ----------------------------------------------------------------------- the settings of a run


def setting(parameter: Parameter, default: Any = None, **changes: Any) -> Any:
    """Declare one field of a settings class.

    Parameters
    ----------
    parameter
        What is set.
    default
        Another default than the parameter's own.
    changes
        What else is different in this experiment, such as ``offered``.
    """
    if default is not None:
        changes["default"] = default
    own = replace(parameter, **changes)  # type: ignore[type-var]
    return field(default=own.default, metadata={"parameter": own})


@dataclass(frozen=True, kw_only=True)
class CheckedSettings:
    """Base of all settings: each field is checked by its parameter."""

    def __post_init__(self) -> None:
        for name, parameter in self.parameters().items():
            object.__setattr__(self, name, parameter.check(getattr(self, name)))
        self.check_together()
        if self.work() > WORK_LIMIT:
            raise Refusal("too_much_work", times=f"{self.work() / WORK_LIMIT:.1f}")

    @classmethod
    def parameters(cls) -> Mapping[str, Parameter]:
        """Return what can be set, by name: the class's own first, then what all have."""
        own = {f.name: f.metadata["parameter"] for f in fields(cls) if "parameter" in f.metadata}
        inherited = [name for name in Settings.__dataclass_fields__ if name in own]
        return {n: p for n, p in own.items() if n not in inherited} | {n: own[n] for n in inherited}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Build settings from ``key=value`` texts; what is not given keeps its default.

        Raises
        ------
        Refusal
            If a key is unknown or a value is out of range; the message says what is accepted.
        """
        known = cls.parameters()
        for key in texts:
            if key not in known:
                if not known:
                    raise Refusal("nothing_to_set", name=key)
                raise Refusal("no_such_setting", name=key, known=", ".join(known))
        return cls(**{key: known[key].parse(text) for key, text in texts.items()})

    def texts(self) -> dict[str, str]:
        """Return every setting as text, as the command line and the address write it."""
        return {n: p.format(getattr(self, n)) for n, p in self.parameters().items()}

    def values(self) -> dict[str, Any]:
        """Return every setting by name."""
        return {name: getattr(self, name) for name in self.parameters()}

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds of the run."""
        return (0,)

    def check_together(self) -> None:
        """Check what no parameter can check alone."""

    def work(self) -> float:
        """Return the multiply-adds of the whole run."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Settings(CheckedSettings):
    """Base of the settings of every experiment on the digits."""

    seeds: int = setting(SEEDS)
    student_samples: int = setting(STUDENT_SAMPLES)
    split: int = setting(SPLIT)
    first_seed: int = setting(FIRST_SEED)

    #: What every network here reads and answers.
    inputs: ClassVar[int] = PIXELS
    outputs: ClassVar[int] = CLASSES

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds of the run."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    def teacher_work(
        self, hidden: tuple[int, ...], epochs: int = TEACHER_EPOCHS, images: int = POOL
    ) -> float:
        """Return the multiply-adds of training one teacher a seed."""
        return self.training_work(hidden, 1, epochs * images)

    def student_work(self, hidden: tuple[int, ...], conditions: int) -> float:
        """Return the multiply-adds of training one student a seed and condition."""
        return self.training_work(hidden, conditions, self.student_samples)

    def training_work(self, hidden: tuple[int, ...], conditions: int, samples: int) -> float:
        """Return the multiply-adds of training: forward, and twice as much backward."""
        sizes = self.layer_sizes(hidden)
        if (noted := _stacks.get()) is not None:
            noted.append((sizes, self.seeds * conditions))
        return 3.0 * parameter_count(sizes) * self.seeds * conditions * samples

    def layer_sizes(self, hidden: tuple[int, ...]) -> tuple[int, ...]:
        """Return the layers of a network, from what it reads to what it answers."""
        return (self.inputs, *hidden, self.outputs)

    def memory(self) -> float:
        """Return about how many bytes the run takes at most.

        The stacks that :meth:`work` adds up are trained one after the other, so it is what one
        takes while it is trained, beside what stays of those before it.
        """
        stacks: list[tuple[tuple[int, ...], int]] = []
        token = _stacks.set(stacks)
        try:
            self.work()
        finally:
            _stacks.reset(token)
        most, kept = 0, 0
        for stack in stacks:
            most = max(most, kept + training_bytes(*stack, examples=IMAGES))
            kept += kept_bytes(*stack, examples=IMAGES)
        return LEAST_RUN_BYTES + max(most, kept) + self.seeds * self.own_bytes

    @property
    def own_bytes(self) -> int:
        """Bytes that each seed takes beside its networks, such as inputs of its own."""
        return 0
