"""Controls that define a run: the same everywhere, kept in the address bar and in the session.

What a control is called, its range, its default and what it offers come from the setting's record
(:mod:`kdcore.settings`). The address is read when it says something new, which it does on the
first run of a link. What it says is clamped, never trusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import streamlit as st

from kdcore.settings import (
    CheckedSettings,
    List,
    Number,
    Parameter,
    Shape,
    Steps,
    help_of,
    label_of,
)
from pages.common.address import AddressMemory
from pages.common.presenting import PRESENT, in_address
from pages.common.words import IN_ADDRESS, chosen_language, language, words

#: Meaning of the parameters in the address; raised when old links would mean something else.
ADDRESS_VERSION = "1"

SettingsT = TypeVar("SettingsT", bound=CheckedSettings)


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


def note(word: str, name: str, text: str, used: str = "") -> str:
    """Say what in the address could not be used as it stood; it is shown just as it stands."""
    quoted = " ".join(text[:40].replace("`", "'").split())
    return str(words("lesson")["address"][word]).format(name=name, text=quoted, used=used)


def nearest_number(text: str, name: str, default: float, fit: Callable[[float], float]) -> Any:
    """Read a number and fit it; return it with a note if the text said something else."""
    try:
        asked = float(text)
        value = fit(asked)
    except (ValueError, OverflowError):
        return default, note("no_number", name, text, f"{default:g}")
    if value == asked:
        return value, None
    return value, note("not_offered", name, text, f"{value:g}")


@dataclass(frozen=True)
class OfSetting:
    """A control made of the record of a setting."""

    parameter: Any

    @property
    def name(self) -> str:
        return str(self.parameter.name)

    @property
    def default(self) -> Any:
        return self.parameter.default

    @property
    def label(self) -> str:
        """What the learner reads beside it."""
        return label_of(self.name, language())

    @property
    def help(self) -> str:
        """What the learner reads on request."""
        return help_of(self.name, language())

    def write(self, value: Any) -> str:
        return str(self.parameter.format(value))

    def _refused(self, text: str) -> tuple[Any, str]:
        return self.default, note("not_offered", self.name, text, self.write(self.default))


class Slider(OfSetting):
    """A number on an even scale."""

    @property
    def steps(self) -> Steps:
        """The scale."""
        steps: Steps = self.parameter.offered
        return steps

    def read(self, text: str) -> tuple[float, str | None]:
        return nearest_number(text, self.name, self.default, self._fit)

    def _fit(self, value: float) -> float:
        scale = self.steps
        inside = min(max(value, scale.minimum), scale.maximum)
        return round(scale.minimum + round((inside - scale.minimum) / scale.step) * scale.step, 6)

    def show(self, key: str) -> None:
        scale = self.steps
        st.slider(
            self.label,
            scale.minimum,
            scale.maximum,
            step=scale.step,
            key=key,
            help=self.help,
            persist_state="session",
        )


class Choice(OfSetting):
    """One of a few values, as a slider over them or as a list to open."""

    def read(self, text: str) -> tuple[Any, str | None]:
        for option in self.parameter.offered:
            if self.write(option) == text:
                return option, None
        try:
            asked = float(text)
        except (ValueError, OverflowError):
            return self._refused(text)
        if math.isnan(asked) or any(_number(o) is None for o in self.parameter.offered):
            return self._refused(text)
        value = min(self.parameter.offered, key=lambda o: abs(_number(o) - asked))  # type: ignore[operator]
        if _number(value) == asked:
            return value, None
        return value, note("not_offered", self.name, text, self.write(value))

    def to_session(self, value: Any) -> str:
        """Return a value as the widget keeps it: a slider takes a tuple for its two ends."""
        return self.write(value)

    def from_session(self, kept: str) -> Any:
        """Return the value that the widget keeps."""
        return self.parameter.parse(kept)

    def show(self, key: str) -> None:
        draw: Any = st.select_slider if self.parameter.as_slider else st.selectbox
        draw(
            self.label,
            [self.write(option) for option in self.parameter.offered],
            key=key,
            help=self.help,
            format_func=self._named,
            persist_state="session",
        )

    def _named(self, kept: str) -> str:
        value = self.from_session(kept)
        if isinstance(value, tuple):
            return "–".join(map(str, value))
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _number(option: Any) -> float | None:
    """Return an option as a number, if it is one: a shape of several layers is not."""
    if isinstance(option, tuple):
        return float(option[0]) if len(option) == 1 else None
    return float(option)


class Several(OfSetting):
    """Some of a few numbers, each a button that is in or out."""

    @property
    def default(self) -> list[float]:
        return list(self.parameter.default)

    def read(self, text: str) -> tuple[list[float], str | None]:
        try:
            return sorted(self.parameter.parse(text)), None
        except ValueError:
            default, said = self._refused(text)
            return list(default), said

    def write(self, value: Sequence[float]) -> str:
        return str(self.parameter.format(tuple(sorted(value))))

    def show(self, key: str) -> None:
        st.pills(
            self.label,
            self.parameter.offered,
            selection_mode="multi",
            wrap=True,
            key=key,
            help=self.help,
            format_func=lambda value: f"{value:g}",
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
        return self.default, note("not_offered", self.name, text, self.default)

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
            with st.container(key=f"named-{key}"):
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
        return self.default, note("no_switch", self.name, text)

    def write(self, value: bool) -> str:
        return str(int(value))

    def show(self, key: str) -> None:
        st.toggle(self.label, key=key, persist_state="session")


@dataclass(frozen=True)
class Remembered:
    """A whole number that some component or button sets; in the address like the others."""

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
        """Draw nothing: what sets it is drawn where the page wants it."""


def control_of(parameter: Parameter) -> Control:
    """Return the control that the record of a setting asks for."""
    if isinstance(parameter, List):
        return Several(parameter)
    if isinstance(parameter.offered, Steps):
        return Slider(parameter)
    if isinstance(parameter, Number) and not parameter.offered:
        return Remembered(parameter.name, int(parameter.default), int(parameter.maximum))
    if isinstance(parameter, Number | Shape) and parameter.default not in parameter.offered:
        raise ValueError(f"the default of {parameter.name} is not on offer")
    return Choice(parameter)


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
            # Anybody may send a message in a widget's place: what it does not offer is dropped.
            if self.key(name) not in st.session_state or not self._is_offered(name):
                self[name] = control.default
        if not self._taken_over and self._memory.written not in (None, self.address()):
            st.session_state.pop(self.key("notes"), None)

    def key(self, name: str) -> str:
        """Return the session key of a control."""
        return f"{self.page}.{name}"

    def __contains__(self, name: str) -> bool:
        return name in self._controls

    def __getitem__(self, name: str) -> Any:
        kept, control = st.session_state[self.key(name)], self._controls[name]
        return control.from_session(kept) if isinstance(control, Choice) else kept

    def __setitem__(self, name: str, value: Any) -> None:
        control = self._controls[name]
        kept = control.to_session(value) if isinstance(control, Choice) else value
        st.session_state[self.key(name)] = kept

    def _is_offered(self, name: str) -> bool:
        """Say whether a control stands where it can be set."""
        if isinstance(self._controls[name], Several):
            return True  # what is too many or too few is said on the page
        try:
            return self._controls[name].read(self.text(name))[1] is None
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
            return False

    def set(self, values: Mapping[str, Any]) -> None:
        """Set several controls; values as a page's words file writes them."""
        for name, value in values.items():
            self[name] = self._as_value(name, value)

    def _as_value(self, name: str, value: Any) -> Any:
        parameter = getattr(self._controls[name], "parameter", None)
        if isinstance(parameter, Shape):
            return (value,) if isinstance(value, int) else tuple(value)
        return value

    def reset(self, but: Collection[str] = ()) -> None:
        """Set every control to its default, but those named."""
        for name, control in self._controls.items():
            if name not in but:
                self[name] = control.default

    def is_default(self, name: str) -> bool:
        """Return whether a control stands where a first visit finds it."""
        return self.text(name) == self.text_of(name)

    def text_of(self, name: str, value: Any = None) -> str:
        """Return a value, the default unless given, as the address writes it."""
        control = self._controls[name]
        return control.write(control.default if value is None else self._as_value(name, value))

    def settings(self, kind: type[SettingsT], **fixed: Any) -> SettingsT:
        """Build settings of a kind from the controls; what is ``fixed`` comes before them."""
        known = {
            name: tuple(sorted(self[name])) if isinstance(self[name], list) else self[name]
            for name in kind.parameters()
            if name in self
        }
        return kind(**(known | fixed))

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
        chosen = chosen_language()
        spoken = {} if chosen is None else {IN_ADDRESS: chosen}
        return (
            {"v": ADDRESS_VERSION}
            | {name: control.write(self[name]) for name, control in self._controls.items()}
            | spoken
            | in_address()
        )

    def _take_over(self, address: dict[str, str]) -> None:
        notes = []
        version = address.get("v", ADDRESS_VERSION)
        if version != ADDRESS_VERSION:
            notes.append(note("version", "v", version[:10]))
        for name, text in address.items():
            if name in self._controls:
                self[name], said = self._controls[name].read(text)
                notes += [said] if said else []
            elif name not in ("v", IN_ADDRESS, PRESENT):
                notes.append(note("unknown", "", name))
        st.session_state[self.key("notes")] = notes
        self._taken_over = True
