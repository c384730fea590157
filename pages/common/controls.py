"""Controls that define a run: the same everywhere, kept in the address bar and in the session.

The address is read when it says something new, which it does on the first run of a link. What it
says is clamped, never trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import streamlit as st

from kdcore.settings import (
    ALPHA,
    EPOCHS,
    LABEL_NOISE,
    LABELS,
    LABELS_PER_CLASS,
    OMIT,
    PLANE_NOISE,
    PLANE_POINTS,
    SEEDS,
    TEACHER_HIDDEN,
    TEACHER_LABELS,
    TEMPERATURE,
    List,
    Number,
    Shape,
)
from pages.common.address import AddressMemory

#: Meaning of the parameters in the address; raised when old links would mean something else.
ADDRESS_VERSION = "1"


class Control(Protocol):
    """One control: its name in the address, its default, how it reads and how it is shown."""

    @property
    def name(self) -> str:
        """Name in the address and in the session."""
        ...

    @property
    def default(self) -> Any:
        """Value of a first visit."""
        ...

    def read(self, text: str) -> tuple[Any, str | None]:
        """Return the accepted value nearest to the text, and a note if it is another one."""
        ...

    def write(self, value: Any) -> str:
        """Return the value as text for the address."""
        ...

    def show(self, key: str) -> None:
        """Draw the widget whose value is ``st.session_state[key]``."""
        ...


def nearest_number(text: str, name: str, default: float, fit: Callable[[float], float]) -> Any:
    """Read a number and fit it; return it with a note if the text said something else."""
    try:
        asked = float(text)
        value = fit(asked)
    except (ValueError, OverflowError):
        return default, f"“{name}={text[:40]}” in the address is not a number; {default:g} is used."
    if value == asked:
        return value, None
    return value, f"“{name}={text[:40]}” in the address is not on offer; {value:g} is used."


@dataclass(frozen=True)
class Slider:
    """A number on an even scale."""

    parameter: Number
    default: float
    minimum: float
    maximum: float
    step: float

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def label(self) -> str:
        """What the learner reads beside the slider."""
        return self.parameter.label

    def read(self, text: str) -> tuple[float, str | None]:
        return nearest_number(text, self.name, self.default, self._fit)

    def _fit(self, value: float) -> float:
        inside = min(max(value, self.minimum), self.maximum)
        steps = round((inside - self.minimum) / self.step)
        return round(self.minimum + steps * self.step, 6)

    def write(self, value: float) -> str:
        return f"{value:g}"

    def show(self, key: str) -> None:
        st.slider(
            self.parameter.label,
            self.minimum,
            self.maximum,
            step=self.step,
            key=key,
            help=self.parameter.help,
            persist_state="session",
        )


@dataclass(frozen=True)
class Choice:
    """One of a few numbers, as a slider over them or as a list to open."""

    name: str
    label: str
    help: str
    options: Sequence[int]
    default: int
    as_slider: bool = False

    def with_default(self, default: int) -> Choice:
        """Return the same control with another value for a first visit."""
        return replace(self, default=default)

    def read(self, text: str) -> tuple[int, str | None]:
        return nearest_number(text, self.name, self.default, self._fit)

    def _fit(self, value: float) -> int:
        if value != value:  # not a number, and nearest to none
            raise ValueError
        return min(self.options, key=lambda option: abs(option - value))

    def write(self, value: int) -> str:
        return str(value)

    def show(self, key: str) -> None:
        if self.as_slider:
            st.select_slider(
                self.label, self.options, key=key, help=self.help, persist_state="session"
            )
        else:
            st.selectbox(self.label, self.options, key=key, help=self.help, persist_state="session")


@dataclass(frozen=True)
class ShapeChoice:
    """One of a few network shapes."""

    parameter: Shape
    label: str
    options: Sequence[tuple[int, ...]]
    default: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.parameter.name

    def read(self, text: str) -> tuple[tuple[int, ...], str | None]:
        for option in self.options:
            if self.write(option) == text:
                return option, None
        default = self.write(self.default)
        return self.default, f"“{self.name}={text[:40]}” is not on offer; {default} is used."

    def write(self, value: tuple[int, ...]) -> str:
        return self.parameter.format(value)

    def show(self, key: str) -> None:
        st.selectbox(
            self.label,
            self.options,
            key=key,
            help=self.parameter.help,
            format_func=lambda shape: "–".join(map(str, shape)),
            persist_state="session",
        )


@dataclass(frozen=True)
class Named:
    """One of a few things that have a name."""

    name: str
    label: str
    help: str
    #: What the address says, and what the learner reads.
    options: Mapping[str, str]
    default: str
    as_tabs: bool = False

    def read(self, text: str) -> tuple[str, str | None]:
        if text in self.options:
            return text, None
        note = f"“{self.name}={text[:40]}” in the address is not on offer; {self.default} is used."
        return self.default, note

    def write(self, value: str) -> str:
        return value

    def show(self, key: str) -> None:
        options = list(self.options)
        if self.as_tabs:
            st.segmented_control(
                self.label,
                options,
                key=key,
                required=True,
                format_func=self.options.__getitem__,
                persist_state="session",
            )
        else:
            st.selectbox(
                self.label,
                options,
                key=key,
                help=self.help,
                format_func=self.options.__getitem__,
                persist_state="session",
            )


@dataclass(frozen=True)
class Toggle:
    """Something extra that is trained on request."""

    name: str
    label: str
    default: bool = False

    def read(self, text: str) -> tuple[bool, str | None]:
        if text in ("0", "1"):
            return text == "1", None
        return self.default, f"“{self.name}={text[:40]}” in the address is neither 0 nor 1."

    def write(self, value: bool) -> str:
        return str(int(value))

    def show(self, key: str) -> None:
        st.toggle(self.label, key=key, persist_state="session")


@dataclass(frozen=True)
class Several:
    """Some of a few whole numbers, each a button that is in or out."""

    parameter: List
    label: str
    options: Sequence[int]
    default: Sequence[int]

    @property
    def name(self) -> str:
        return self.parameter.name

    def read(self, text: str) -> tuple[list[int], str | None]:
        try:
            values = sorted(self.parameter.parse(text))
        except ValueError as refusal:
            default = self.write(self.default)
            return list(self.default), f"In the address, {refusal}; {default} is used."
        return values, None

    def write(self, value: Sequence[int]) -> str:
        return self.parameter.format(tuple(sorted(value)))

    def show(self, key: str) -> None:
        st.pills(
            self.label,
            self.options,
            selection_mode="multi",
            wrap=True,
            key=key,
            help=self.parameter.help,
            persist_state="session",
        )


@dataclass(frozen=True)
class Remembered:
    """A whole number that some component sets; in the address like the others."""

    name: str
    default: int
    maximum: int

    def read(self, text: str) -> tuple[int, str | None]:
        return nearest_number(text, self.name, self.default, self._fit)

    def _fit(self, value: float) -> int:
        return round(min(max(value, 0), self.maximum))

    def write(self, value: int) -> str:
        return str(value)

    def show(self, key: str) -> None:
        """Draw nothing: the component that sets it is drawn where the page wants it."""


TEMPERATURE_SLIDER = Slider(TEMPERATURE, 4.0, 0.5, 20.0, 0.5)
ALPHA_SLIDER = Slider(ALPHA, 0.3, 0.0, 1.0, 0.05)
TEACHER_WIDTH = Choice(
    "teacher_hidden",
    "Teacher width",
    "Hidden units of the teacher. A new width trains new teachers.",
    (8, 16, 32, 64, 128, 256, 512),
    256,
    as_slider=True,
)
STUDENT_WIDTH = Choice(
    "student_hidden",
    "Student width",
    "Hidden units of both students.",
    (4, 8, 16, 32, 64, 128),
    32,
)
LABELLED_IMAGES = Choice("labels", LABELS.label, LABELS.help, (20, 50, 100, 200, 300, 900), 50)

TEACHER_SHAPE = ShapeChoice(
    TEACHER_HIDDEN,
    "Teacher layers",
    ((16,), (64,), (256,), (256, 128), (512, 256, 128)),
    (256, 128),
)
SEED_COUNT = Choice("seeds", SEEDS.label, SEEDS.help, (5, 7, 10, 20, 40), 10)
TEACHER_TRAINING = Choice("teacher_epochs", EPOCHS.label, EPOCHS.help, (5, 15, 30, 60), 15)
TEACHER_SEES = Choice(
    "teacher_labels", TEACHER_LABELS.label, TEACHER_LABELS.help, (30, 60, 150, 300, 900), 60
)
OMITTED_DIGITS = Several(OMIT, "Digits to take out", tuple(range(10)), (3,))
WRONG_LABELS = Slider(LABEL_NOISE, 0.0, 0.0, 0.6, 0.1)
PLANE_NOISE_SLIDER = Slider(PLANE_NOISE, 0.1, 0.0, 0.5, 0.05)
PLANE_POINTS_CHOICE = Choice(
    "points", PLANE_POINTS.label, PLANE_POINTS.help, (60, 120, 240, 480), 240, as_slider=True
)
LABELS_PER_CLASS_CHOICE = Choice(
    "labels_per_class", LABELS_PER_CLASS.label, LABELS_PER_CLASS.help, (1, 2, 3, 5, 10, 20, 40), 5
)


class Controls:
    """The controls of one page."""

    def __init__(self, page: str, controls: Sequence[Control]) -> None:
        self.page = page
        self._taken_over = False
        self._controls = {control.name: control for control in controls}
        self._memory: AddressMemory = st.session_state.setdefault(
            self.key("address"), AddressMemory()
        )
        address = st.query_params.to_dict()
        if self._memory.is_news(address):
            self._take_over(address)
        for name, control in self._controls.items():
            st.session_state.setdefault(self.key(name), control.default)
        if not self._taken_over and self._memory.written not in (None, self.address()):
            st.session_state.pop(self.key("notes"), None)

    def key(self, name: str) -> str:
        """Return the session key of a control."""
        return f"{self.page}.{name}"

    def __getitem__(self, name: str) -> Any:
        return st.session_state[self.key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        st.session_state[self.key(name)] = value

    def text(self, name: str) -> str:
        """Return the value of a control as the address writes it."""
        return self._controls[name].write(self[name])

    def label(self, name: str) -> str:
        """Return the name of a control as the learner reads it."""
        return getattr(self._controls[name], "label", name)

    def show(self, name: str) -> None:
        """Draw one control here."""
        self._controls[name].show(self.key(name))

    def show_notes(self) -> None:
        """Say what in the address could not be used as it stood, until something is changed."""
        if notes := st.session_state.get(self.key("notes")):
            st.info("  \n".join(notes), icon=":material/link_off:")

    def write_address(self) -> None:
        """Make the address a link to what is set now."""
        address, shown = self.address(), st.query_params.to_dict()
        if address != shown:
            st.query_params.from_dict(address)
        if address != self._memory.written or address == shown:
            self._memory.write(address, shown)

    def address(self) -> dict[str, str]:
        """Return what the address bar says when it says what is set now."""
        return {"v": ADDRESS_VERSION} | {
            name: control.write(self[name]) for name, control in self._controls.items()
        }

    def _take_over(self, address: dict[str, str]) -> None:
        notes = []
        version = address.get("v", ADDRESS_VERSION)
        if version != ADDRESS_VERSION:
            notes.append(
                f"This link was made for another version of the lab (v={version[:10]}); "
                "what still fits is used."
            )
        for name, text in address.items():
            if name in self._controls:
                self[name], note = self._controls[name].read(text)
                notes += [note] if note else []
            elif name != "v":
                notes.append(f"“{name[:40]}” in the address means nothing here.")
        st.session_state[self.key("notes")] = notes
        self._taken_over = True
