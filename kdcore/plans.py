"""Plans: runs that say what is to be trained and leave the training to others.

A plan is a generator. It yields the trainings that it needs, is sent what was trained, and returns
what it found. So several runs can be carried out together: what is alike is trained as one stack,
what is the same is trained once. Each finds, to the last bit, what it would have found alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Generic, Protocol, Self, TypeVar

import torch

from kdcore.monitor import SILENT, LearningCurve, Monitor, Part
from kdcore.training import Cancelled


class Trained(Protocol):
    """What a training gives."""

    @property
    def curve(self) -> LearningCurve:
        """How it was learned, a column for each condition."""
        ...


class Training(Protocol):
    """Something that is to be trained, perhaps with others."""

    @property
    def stage(self) -> str:
        """What to call it while it is under way, such as ``"teacher"``."""
        ...

    @property
    def alike(self) -> Hashable:
        """What trainings must have in common to be trained as one."""
        ...

    @property
    def key(self) -> Hashable:
        """Equal keys are the same training; ``None`` is like no other."""
        ...

    @property
    def work(self) -> float:
        """How much there is to do, for progress; the unit does not matter."""
        ...

    def train_with(self, others: Sequence[Self], monitors: Sequence[Monitor]) -> Sequence[Trained]:
        """Train this one and others that are alike as one, each as if it were alone.

        Parameters
        ----------
        monitors
            One for each training, this one first. Each hears of its own training only; all must
            ask to stop before the training stops.

        Raises
        ------
        Cancelled
            If it was stopped.
        ValueError
            If they cannot be trained as one, or one of them cannot be trained.
        """
        ...


@dataclass(frozen=True, eq=False)
class ByItself:
    """Something that no other is trained beside, but once only for all who ask for the same."""

    train: Callable[[Monitor], Trained]
    stage: str
    #: Equal keys are the same training; ``None`` is like no other.
    key: Hashable = None
    work: float = 1.0

    @property
    def alike(self) -> Hashable:
        """What trainings must have in common to be trained as one: all."""
        return ByItself, id(self) if self.key is None else self.key

    def train_with(self, others: Sequence[ByItself], monitors: Sequence[Monitor]) -> list[Trained]:
        """Train this one: there are no others that are alike."""
        (monitor,) = monitors
        return [self.train(Part(monitor, 0, 1, self.stage))]


FoundT = TypeVar("FoundT")
FoundT_co = TypeVar("FoundT_co", covariant=True)
SettingsT = TypeVar("SettingsT")

#: What a run does: it yields what it needs, trainings or what is trained already, is sent all of
#: that trained, in the same order, and returns what it found.
Plan = Generator[Sequence[Any], list[Any], FoundT_co]


class _Asked(list[Any]):
    """What a part of a plan asks for, and where in the whole this part begins and ends."""

    def __init__(self, wanted: Sequence[Any], start: float, end: float) -> None:
        super().__init__(wanted)
        self.start, self.end = start, end


def parts(plans: Iterable[Plan[FoundT]], works: Sequence[float]) -> Plan[list[FoundT]]:
    """Carry out one plan after another as the parts of one.

    Parameters
    ----------
    works
        How much each has to do; so progress goes from nothing to all once.
    """
    found: list[FoundT] = []
    for i, plan in enumerate(plans):
        start, end = sum(works[:i]) / sum(works), sum(works[: i + 1]) / sum(works)
        found.append((yield from _part(plan, start, end)))
    return found


def _part(plan: Plan[FoundT], start: float, end: float) -> Plan[FoundT]:
    """Carry out a plan as one part of a longer one."""
    trained: list[Any] | None = None
    while True:
        try:
            wanted = next(plan) if trained is None else plan.send(trained)
        except StopIteration as stop:
            found: FoundT = stop.value
            return found
        trained = yield _Asked(wanted, start, end)


class Planned(Generic[SettingsT, FoundT]):
    """A function of settings and a monitor that is written as a plan.

    Called like any other, it carries the plan out alone. Its ``plan`` is there for whoever has
    several to carry out.
    """

    def __init__(self, plan: Callable[[SettingsT], Plan[FoundT]]) -> None:
        self.plan = plan
        update_wrapper(self, plan)

    def __call__(self, settings: SettingsT, monitor: Monitor = SILENT) -> FoundT:
        return carry_out(self.plan(settings), monitor)

    def __reduce__(self) -> str:
        return str(self.plan.__qualname__)  # like a function, it is known by its name


def planned(plan: Callable[[SettingsT], Plan[FoundT]]) -> Planned[SettingsT, FoundT]:
    """Make a plan a function of settings and a monitor."""
    return Planned(plan)


def carry_out(plan: Plan[FoundT], monitor: Monitor = SILENT) -> FoundT:
    """Carry out one plan and return what it finds.

    Raises
    ------
    Cancelled
        If the monitor asks to stop.
    """
    (outcome,) = carry_out_together([plan], [monitor])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def carry_out_together(
    plans: Iterable[Plan[FoundT]], monitors: Iterable[Monitor]
) -> list[FoundT | Exception]:
    """Carry out several plans, and train as one what is alike.

    Parameters
    ----------
    monitors
        One for each plan. A plan whose monitor asks to stop leaves the others alone; when all
        that a training is for have left, it stops before its next batch.

    Returns
    -------
    list
        What each plan found, or the exception that it ended with:
        :class:`~kdcore.training.Cancelled` if it was stopped.
    """
    members = [_Member(plan, monitor) for plan, monitor in zip(plans, monitors, strict=True)]
    for member in members:
        member.begin()
    while waiting := [member for member in members if not member.has_ended]:
        # Who has got least far goes first, so that all who can stand at the same training do.
        step = min(member.step for member in waiting)
        _train([member for member in waiting if member.step == step])
    return [member.outcome for member in members]


class _Member(Generic[FoundT]):
    """One plan among those that are carried out together."""

    def __init__(self, plan: Plan[FoundT], monitor: Monitor) -> None:
        self._plan = plan
        self._whole = monitor
        #: Who hears of what is asked for now.
        self.monitor = monitor
        #: How often it has asked for something, and for what it asks now.
        self.step = 0
        self.wanted: Sequence[Any] = ()
        #: What there is of it, by place in ``wanted``, and how far each is learned.
        self.trained: dict[int, Trained] = {}
        self.curves: dict[int, LearningCurve] = {}
        self._all = LearningCurve()
        self.has_ended = False
        self.outcome: Any = None
        self._has_left = False

    def begin(self) -> None:
        """Go on to the first thing that the plan needs."""
        self._go_on(lambda: next(self._plan))

    def go_on(self) -> None:
        """Send the plan what it asked for, unless it is to stop."""
        if self.has_left():
            self._plan.close()
            self._end(Cancelled())
            return
        trained = [self.trained[place] for place in range(len(self.wanted))]
        self._go_on(lambda: self._plan.send(trained))

    def fail(self, error: Exception) -> None:
        """Tell the plan that it cannot have what it asked for."""
        self._go_on(lambda: self._plan.throw(error))

    def has_left(self) -> bool:
        """Say whether it is to stop."""
        self._has_left = self._has_left or self.monitor.is_cancelled()
        return self._has_left

    def hear(self, place: int, curve: LearningCurve) -> None:
        """Hear how far something that it asked for is learned."""
        self.curves[place] = curve

    def curve(self) -> LearningCurve:
        """Return how far all that it asked for is learned: the columns of all, side by side."""
        curves = [self.curves.get(place, LearningCurve()) for place in range(len(self.wanted))]
        if len(curves) == 1:
            return curves[0]
        while len(self._all.accuracy) < min(len(curve.accuracy) for curve in curves):
            point = len(self._all.accuracy)
            self._all.samples_seen.append(curves[0].samples_seen[point])
            self._all.accuracy.append(torch.cat([curve.accuracy[point] for curve in curves], 1))
        return self._all

    def _go_on(self, step: Callable[[], Sequence[Any]]) -> None:
        self.trained, self.curves, self._all = {}, {}, LearningCurve()
        try:
            self.wanted = step()
            self.step += 1
            self.monitor = self._whole
            if isinstance(self.wanted, _Asked):
                self.monitor = Part(self._whole, self.wanted.start, self.wanted.end)
        except StopIteration as end:
            self._end(end.value)
        except Exception as error:
            self._end(error)

    def _end(self, outcome: Any) -> None:
        self.has_ended, self.outcome, self.wanted = True, outcome, ()
        self.trained, self.curves = {}, {}


class _One:
    """One training, and the places of the members who asked for it."""

    def __init__(self, training: Any) -> None:
        self.training = training
        self.places: list[tuple[_Member[Any], int]] = []


def _train(members: Sequence[_Member[Any]]) -> None:
    """Train all that some members ask for, what is alike as one, and let them go on."""
    groups: dict[Hashable, dict[Hashable, _One]] = {}
    for member in members:
        for place, wanted in enumerate(member.wanted):
            if not hasattr(wanted, "train_with"):
                member.trained[place] = wanted
                member.hear(place, wanted.curve)
                continue
            key = id(wanted) if wanted.key is None else wanted.key
            one = groups.setdefault(wanted.alike, {}).setdefault(key, _One(wanted))
            one.places.append((member, place))
    works = [sum(one.training.work for one in group.values()) for group in groups.values()]
    whole, done = sum(works), 0.0
    for group, work in zip(groups.values(), works, strict=True):
        if done:
            _let_others_hear(members, done / whole)
        _train_group(list(group.values()), done / whole, (done + work) / whole)
        done += work
    for member in members:
        if not member.has_ended:
            member.go_on()


def _train_group(group: Sequence[_One], start: float, end: float) -> None:
    """Train what is alike as one; where that fails, one by one, so that each has its own error."""
    trainings = [one.training for one in group]
    monitors = [_Listener(one, start, end) for one in group]
    try:
        trained = trainings[0].train_with(trainings[1:], monitors)
    except Cancelled:
        return  # all have left, and are told so when they would go on
    except Exception as error:
        if len(group) == 1 or not isinstance(error, ValueError):
            for member in {member for one in group for member, _ in one.places}:
                if not member.has_ended:
                    member.fail(error)
            return
        for one in group:
            _train_group([one], start, end)
        return
    for one, result in zip(group, trained, strict=True):
        for member, place in one.places:
            member.trained[place] = result
            member.hear(place, result.curve)


def _let_others_hear(members: Sequence[_Member[Any]], fraction: float) -> None:
    """Let those who wait for another training know that one is done."""
    for member in members:
        missing = (w for i, w in enumerate(member.wanted) if i not in member.trained)
        if (training := next(missing, None)) is not None:
            member.monitor.report(training.stage, fraction, member.curve())


class _Listener(Monitor):
    """Tells of one training to all who asked for it; stops it when all of them have left."""

    def __init__(self, one: _One, start: float, end: float) -> None:
        self._one = one
        self._start, self._share = start, end - start

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        for member, place in self._one.places:
            member.hear(place, curve)
            if not member.has_ended:
                done = self._start + fraction * self._share
                member.monitor.report(stage, done, member.curve())

    def is_cancelled(self) -> bool:
        return all(member.has_ended or member.has_left() for member, _ in self._one.places)
