"""What can be set is written and read back without loss, and nonsense is refused in words."""

from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError, dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import LabSettings
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.models import parameter_count
from kdcore.settings import (
    ALPHA,
    LABELS,
    SEEDS,
    TEMPERATURE,
    WORK_LIMIT,
    CheckedSettings,
    List,
    Number,
    Shape,
    setting,
)

#: A shared machine may pause for longer than Hypothesis allows an example to take.
unhurried = settings(deadline=None)

TEMPERATURES = List("temperatures", TEMPERATURE)
HIDDEN = Shape("student_hidden")
SHAPES = List("teachers", HIDDEN, separator=";")

temperatures = st.floats(0.1, 100)
shapes = st.lists(st.integers(1, 1024), min_size=1, max_size=4).map(tuple)


# ------------------------------------------------------------------------ written and read back


@unhurried
@given(temperatures)
def test_a_number_is_read_back_as_it_was_written(value: float) -> None:
    assert TEMPERATURE.parse(TEMPERATURE.format(value)) == value


@unhurried
@given(st.integers(10, 900))
def test_a_whole_number_is_read_back_as_it_was_written(value: int) -> None:
    again = LABELS.parse(LABELS.format(value))
    assert again == value
    assert type(again) is int


@pytest.mark.parametrize("tenths", range(1, 1001, 37))
def test_what_a_slider_gives_is_written_as_a_person_would(tenths: int) -> None:
    assert TEMPERATURE.format(tenths / 10) == str(tenths / 10).removesuffix(".0")


@unhurried
@given(st.lists(temperatures, min_size=1, max_size=50, unique=True).map(tuple))
def test_a_list_is_read_back_as_it_was_written(values: tuple[float, ...]) -> None:
    assert TEMPERATURES.parse(TEMPERATURES.format(values)) == values


@unhurried
@given(shapes)
def test_a_shape_is_read_back_as_it_was_written(shape: tuple[int, ...]) -> None:
    assert HIDDEN.parse(HIDDEN.format(shape)) == shape


@unhurried
@given(st.lists(shapes, min_size=1, max_size=6, unique=True).map(tuple))
def test_several_shapes_are_separated_by_semicolons(value: tuple[tuple[int, ...], ...]) -> None:
    text = SHAPES.format(value)
    assert text.count(";") == len(value) - 1
    assert SHAPES.parse(text) == value


def test_texts_are_read_as_the_contract_writes_them() -> None:
    assert TEMPERATURES.parse("1,4,8") == (1.0, 4.0, 8.0)
    assert HIDDEN.parse("32") == (32,)
    assert HIDDEN.parse("256,128") == (256, 128)
    assert SHAPES.parse("8;512,256,128") == ((8,), (512, 256, 128))
    assert TEMPERATURES.parse(" 1, 4 ") == (1.0, 4.0)


# ----------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        *[(LABELS, text) for text in ("9", "901", "10.5", "ten", "", "nan", "inf", "-50", "1e400")],
        *[(SEEDS, text) for text in ("1", "0", "1001", "2.5")],
        *[(ALPHA, text) for text in ("-0.001", "1.001", "nan", "half", "0,5")],
        *[(TEMPERATURE, text) for text in ("0", "0.0999", "100.001", "-1", "inf", "nan", "4;5")],
    ],
)
def test_a_number_out_of_range_is_refused_with_what_is_accepted(
    parameter: Number, text: str
) -> None:
    message = f"{parameter.name} must be {parameter.accepts}, not {text!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parameter.parse(text)


def test_what_is_accepted_is_said_with_its_range() -> None:
    assert str(LABELS.accepts) == "a whole number from 10 to 900"
    assert str(TEMPERATURE.accepts) == "a number from 0.1 to 100"
    assert str(ALPHA.accepts) == "a number from 0 to 1"


@pytest.mark.parametrize("parameter", [LABELS, SEEDS, ALPHA, TEMPERATURE], ids=lambda p: p.name)
def test_the_ends_of_a_range_belong_to_it(parameter: Number) -> None:
    for end in (parameter.minimum, parameter.maximum):
        assert parameter.check(end) == end


@pytest.mark.parametrize(
    "value",
    [
        True,
        "50",
        None,
        [50],
        math.nan,
        math.inf,
        50.5,
        pytest.param(10**400, id="too large a float"),
    ],
)
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="labels must be a whole number from 10 to 900"):
        LABELS.check(value)  # type: ignore[arg-type]


def test_yes_is_no_number() -> None:
    with pytest.raises(ValueError, match="alpha must be a number from 0 to 1, not 'True'"):
        ALPHA.check(True)


@pytest.mark.parametrize("text", ["", ",", "1,", "1,,2", "1,1", "1,1.0", "1,200", "1;2", "a,b"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be .*a number from 0\.1 to 100"):
        TEMPERATURES.parse(text)


def test_a_list_too_long_or_empty_is_refused() -> None:
    assert len(TEMPERATURES.check(tuple(range(1, 51)))) == 50
    for values in ((), tuple(range(1, 52))):
        with pytest.raises(ValueError, match="temperatures must be 1 to 50 different values"):
            TEMPERATURES.check(values)


@pytest.mark.parametrize(
    "text", ["", "0", "-8", "1025", "32,", "32,0", "1,2,3,4,5", "32;16", "3.5", "wide", "9" * 5000]
)
def test_a_shape_that_is_none_is_refused(text: str) -> None:
    message = f"student_hidden must be {HIDDEN.accepts}, not {text[:40]!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        HIDDEN.parse(text)


def test_a_refusal_quotes_no_more_than_a_line() -> None:
    for parameter in (LABELS, HIDDEN):
        with pytest.raises(ValueError, match="must be") as refusal:
            parameter.parse("x" * 10_000)
        assert len(str(refusal.value)) < 200
        assert "\n" not in str(refusal.value)


# --------------------------------------------------------------------------- settings together


def test_equal_settings_are_equal_however_they_were_written() -> None:
    plain = TemperatureSettings(alpha=1, temperatures=(1, 4), labels=50)
    parsed = EXPERIMENTS["temperature"].settings.from_texts(
        {"alpha": "1.0", "temperatures": "1.0,4", "labels": "50"}
    )
    assert plain == parsed
    assert hash(plain) == hash(parsed)
    assert type(plain.alpha) is float
    listed = LabSettings(student_hidden=[16, 8])  # type: ignore[arg-type]
    assert listed == LabSettings(student_hidden=(16, 8))
    assert hash(listed) == hash(LabSettings(student_hidden=(16, 8)))


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        TemperatureSettings().labels = 20  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": 5},
        {"alpha": 1.5},
        {"alpha": math.nan},
        {"temperatures": ()},
        {"temperatures": (0.0,)},
        {"temperatures": 4.0},
        {"student_hidden": ()},
        {"student_hidden": (0,)},
        {"student_hidden": (16.0,)},
        {"student_hidden": 32},
        {"student_hidden": (True,)},
        {"teacher_hidden": (2048,)},
        {"seeds": 1},
    ],
    ids=str,
)
def test_wrong_settings_are_refused_by_name(wrong: dict[str, object]) -> None:
    (name,) = wrong
    # A refusal of one temperature of a list names the temperature.
    with pytest.raises(ValueError, match=f"{name.removesuffix('s')}s? must be "):
        TemperatureSettings(**wrong)  # type: ignore[arg-type]


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no setting temperature; .* has: labels, .*seeds,"):
        EXPERIMENTS["temperature"].settings.from_texts({"temperature": "4"})


def test_settings_may_refuse_what_only_together_is_wrong() -> None:
    @dataclass(frozen=True, kw_only=True)
    class MoreLabelsThanSeeds(CheckedSettings):
        labels: int = setting(LABELS)
        seeds: int = setting(SEEDS)

        def check_together(self) -> None:
            if self.labels <= self.seeds:
                raise ValueError("more labels than seeds, please")

        def work(self) -> float:
            return 0

    assert MoreLabelsThanSeeds(seeds=49).seeds == 49
    with pytest.raises(ValueError, match="more labels than seeds"):
        MoreLabelsThanSeeds(seeds=50)


# ----------------------------------------------------------------------------------- work limit


def test_work_is_three_multiply_adds_for_each_parameter_and_sample() -> None:
    settings = TemperatureSettings(
        student_hidden=(32,), teacher_hidden=(256, 128), temperatures=(1, 4), seeds=5
    )
    teacher, student = parameter_count((64, 256, 128, 10)), parameter_count((64, 32, 10))
    # Forward once, backward twice; teachers see 900 images 30 times, each seed has 3 students.
    expected = 3 * (5 * teacher * 30 * 900 + 5 * 3 * student * 12_000)
    assert settings.work() == pytest.approx(expected)


def test_the_lab_trains_a_teacher_and_two_students_a_seed() -> None:
    lab = LabSettings(student_hidden=(8,), teacher_hidden=(16,), seeds=7)
    one_temperature = TemperatureSettings(
        student_hidden=(8,), teacher_hidden=(16,), temperatures=(4,), seeds=7
    )
    assert lab.work() == one_temperature.work()


@pytest.mark.parametrize("settings_class", [TemperatureSettings, LabSettings])
def test_a_run_with_too_much_work_is_refused_with_what_to_change(
    settings_class: type[TemperatureSettings] | type[LabSettings],
) -> None:
    with pytest.raises(ValueError, match=r"times the work that is allowed.*fewer seeds") as refusal:
        settings_class(teacher_hidden=(1024, 1024, 1024, 1024), seeds=1000)
    times = float(re.findall(r"needs ([\d.]+) times", str(refusal.value))[0])
    work = 3 * 1000 * parameter_count((64, 1024, 1024, 1024, 1024, 10)) * 27_000
    assert times == pytest.approx(work / WORK_LIMIT, rel=0.02)


def test_the_widest_networks_with_few_seeds_are_allowed() -> None:
    widest = (1024, 1024, 1024, 1024)
    assert TemperatureSettings(teacher_hidden=widest, seeds=10).work() < WORK_LIMIT
