"""The reference run taken apart gives what its page says."""

from __future__ import annotations

import pytest

from kdcore.experiments.faults import Faults, FaultsSettings, against_chance, take_apart
from kdcore.monitor import Monitor
from kdcore.reference.run import CHANCE, compare_cells
from kdcore.reference.tables import published_best
from kdcore.training import Cancelled

SEEDS = 6


@pytest.fixture(scope="module")
def faults() -> Faults:
    return take_apart(FaultsSettings(table="temperature", seeds=SEEDS))


def test_all_29_published_cells_agree_to_the_last_digit_and_one_that_differs_says_so() -> None:
    cells = compare_cells()
    assert len(cells) == 6 * 2 + 4 * 3 + 5
    assert [cell for cell in cells if not cell.agrees] == []
    first = cells[0]
    assert not type(first)(first.table, first.setting, first.quantity, "2.107", "2.106").agrees


def test_the_published_best_rows_are_those_with_the_highest_student_accuracy() -> None:
    assert [published_best(table) for table in ("temperature", "teacher-size", "balance")] == [
        0,
        3,
        4,
    ]


def test_other_seeds_find_other_temperatures_best(faults: Faults) -> None:
    assert sum(faults.times_best) == pytest.approx(SEEDS)
    assert max(faults.times_best) < SEEDS
    assert sum(count > 0 for count in faults.times_best) >= 3


def test_training_accuracy_is_above_chance_and_held_out_accuracy_is_at_chance(
    faults: Faults,
) -> None:
    assert against_chance(faults.training, CHANCE) == "above"
    assert against_chance(faults.held_out, CHANCE) == "chance"


def test_only_the_last_layer_moved(faults: Faults) -> None:
    *hidden, last = faults.layers
    assert [layer.change_norm for layer in hidden] == [0.0] * len(hidden)
    assert last.change_norm > 0


def test_trained_in_all_layers_it_memorises(faults: Faults) -> None:
    end = faults.memorising.curve[-1]
    assert end.training_accuracy > 0.95
    assert end.held_out_accuracy < 0.15


@pytest.mark.parametrize("wrong", [{"table": "alchemy"}, {"seeds": 1}, {"seeds": 51}], ids=str)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be "):
        FaultsSettings(**wrong)  # type: ignore[arg-type]


def test_it_can_be_stopped() -> None:
    class Stop(Monitor):
        def is_cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        take_apart(FaultsSettings(), Stop())
