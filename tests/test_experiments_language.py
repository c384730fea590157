"""What there is to see in the little language, and where it turns round."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kdcore.experiments import EXPERIMENTS, directions, speculative
from kdcore.experiments.directions import DirectionsSettings, directions_pattern
from kdcore.experiments.result import AnyResult
from kdcore.experiments.speculative import SpeculativeSettings
from kdcore.experiments.words import WordsSettings, words_pattern
from kdcore.language.exact import effective_words
from kdcore.language.learning import (
    Directions,
    learn,
    said_of,
    texts_written,
    trie_of,
    writing_teachers,
)
from kdcore.language.letters import Reading, number_language
from kdcore.language.settings import OWN_WORDS
from kdcore.models import MLPStack
from kdcore.statistics import Interval, mean_interval, paired_difference
from kdcore.training import TrainingSettings
from kdcore.words import Refusal

SEEDS = 5


def run(name: str, **settings: Any) -> AnyResult:
    experiment = EXPERIMENTS[name]
    return experiment.run(experiment.settings(seeds=SEEDS, **settings))


def verdicts(result: AnyResult) -> dict[str, str]:
    return {name: judged.verdict for name, judged in result.judgements().items()}


def value(result: AnyResult, row: int, column: str) -> Interval:
    return result.interval(result.rows[row], column)


@pytest.fixture(scope="module")
def fifty() -> AnyResult:
    return run("words")


@pytest.fixture(scope="module")
def ten() -> AnyResult:
    return run("words", words=10)


@pytest.fixture(scope="module")
def short_memory() -> AnyResult:
    return run("directions", mixes=(1.0, 0.5, 0.0))


@pytest.fixture(scope="module")
def drafts() -> AnyResult:
    return run("speculative")


# --------------------------------------------------------------------------------- little text


def test_from_fifty_words_soft_labels_teach_the_language_and_its_spelling(
    fifty: AnyResult,
) -> None:
    hard, soft, _ = fifty.rows
    assert soft["kl_gain"] - soft["kl_gain_ci"] > 1
    assert soft["validity_gain"] - soft["validity_gain_ci"] > 0.03
    assert value(fifty, 1, "acceptance").low > value(fifty, 0, "acceptance").high
    assert soft["effective_words"] > 2 * hard["effective_words"]
    assert words_pattern(fifty) == "both"
    assert verdicts(fifty) == {"words": "supported", "spelling": "supported"}


def test_from_ten_words_the_hard_label_student_spells_better_because_it_repeats_them(
    ten: AnyResult,
) -> None:
    hard, soft, _ = ten.rows
    assert soft["kl_gain"] - soft["kl_gain_ci"] > 5
    assert soft["validity_gain"] + soft["validity_gain_ci"] < -0.1
    assert hard["effective_words"] < 100 < soft["effective_words"]
    assert words_pattern(ten) == "nearer"
    assert verdicts(ten) == {"words": "supported", "spelling": "contradicted"}


def test_the_teachers_words_bring_the_language_nearer_and_spelling_no_further(
    fifty: AnyResult,
) -> None:
    sequence = fifty.rows[2]
    assert sequence["kl_verdict"] == "helps"
    assert sequence["validity_verdict"] == "hurts"


def test_with_one_letter_of_memory_soft_labels_do_not_bring_the_language_nearer() -> None:
    result = run("words", words=999, context=1, student_samples=6_400)
    assert verdicts(result)["words"] == "contradicted"


def test_the_same_words_are_read_by_hard_and_soft_and_the_figures_are_its_own(
    fifty: AnyResult,
) -> None:
    measured = fifty.measured
    assert len(measured.speakers.read) == 50
    assert set(measured.speakers.read) <= set(number_language().words)
    assert measured.teacher_validity.low > 0.97
    for i, row in enumerate(fifty.rows):
        assert row["validity"] == pytest.approx(measured.measures.validity[:, i].mean().item())
        assert row["student_accuracy"] == row["validity"]


# --------------------------------------------------------------------------------- directions


def test_reverse_kl_buys_validity_with_variety_and_the_mixture_lies_between(
    short_memory: AnyResult,
) -> None:
    forward, half, reverse = short_memory.rows
    assert reverse["validity_gain"] - reverse["validity_gain_ci"] > 0.15
    assert reverse["words_gain"] + reverse["words_gain_ci"] < -30
    assert forward["validity"] < half["validity"] < reverse["validity"]
    assert forward["effective_words"] > half["effective_words"] > reverse["effective_words"]
    assert forward["kl_to_truth"] < half["kl_to_truth"] < reverse["kl_to_truth"]
    assert directions_pattern(short_memory) == "trade"


def test_a_lower_temperature_does_not_do_what_reverse_kl_does(short_memory: AnyResult) -> None:
    assert verdicts(short_memory) == {"directions": "supported", "cooling": "contradicted"}
    warm = short_memory.measured.cooled[0]
    assert warm["temperature"] == 1
    assert warm["validity"] == pytest.approx(short_memory.rows[0]["validity"], abs=1e-5)


def test_with_memory_and_room_there_is_next_to_nothing_to_choose_and_cooling_does_more() -> None:
    result = run("directions", context=6, student_hidden=(64,), mixes=(1.0, 0.0))
    gain = result.judgements()["directions"].figure
    assert max(abs(gain.low), abs(gain.high)) < 0.03
    assert verdicts(result)["cooling"] == "supported"


def test_with_one_letter_nobody_spells_and_nothing_is_decided() -> None:
    result = run("directions", context=1, mixes=(1.0, 0.0))
    assert result.rows[0]["validity"] < 0.1
    assert verdicts(result) == {"directions": "undecided", "cooling": "undecided"}


def test_from_untrained_weights_reverse_kl_collapses_on_a_few_words() -> None:
    language, seeds = number_language(), tuple(range(SEEDS))
    teachers, trie = writing_teachers(language, seeds), trie_of(language)
    reading = Reading.of(texts_written(teachers, language, 400, seeds), 600 * 32)
    said = said_of(teachers, reading, language)
    stack = MLPStack.initialise((3 * language.symbols, 32, language.symbols), seeds, 2)
    both = Directions(reading.letters, said, (1.0, 1.0), (0.0, 0.0), (1.0, 0.0))
    students = learn(trie, stack, reading, both, [TrainingSettings(600 * 32, 32, 3e-3)])
    words = effective_words(students.log_words)
    assert mean_interval(words[:, 1]).high < 12
    assert paired_difference(words[:, 0], words[:, 1]).low > 30


# --------------------------------------------------------------------------------- speculative


def test_a_distilled_draft_yields_more_letters_a_call(drafts: AnyResult) -> None:
    soft = drafts.rows[1]
    assert soft["tokens_gain"] - soft["tokens_gain_ci"] > 0.5
    assert value(drafts, 1, "acceptance").low > value(drafts, 0, "acceptance").high
    assert verdicts(drafts) == {"speculative": "supported"}


def test_the_formula_is_a_little_too_high_because_rejections_cluster(drafts: AnyResult) -> None:
    measured = drafts.measured
    too_high = paired_difference(measured.by_formula[:, 0], measured.tokens_per_call[:, 0])
    assert too_high.low > 0
    assert too_high.high < 0.25


def test_whoever_drafts_the_text_is_as_valid_as_the_teachers(drafts: AnyResult) -> None:
    teacher = drafts.measured.teacher_validity
    for row in (0, 1):
        assert value(drafts, row, "text_validity").mean == pytest.approx(teacher.mean, abs=0.015)


def test_a_draft_taught_by_reverse_kl_from_the_start_is_worse_than_one_on_hard_labels() -> None:
    result = run("speculative", mix=0.0, temperature=1.0, student_samples=6_400)
    assert verdicts(result) == {"speculative": "contradicted"}


def test_more_drafted_letters_yield_more_a_call_and_never_more_than_one_beyond_them(
    drafts: AnyResult,
) -> None:
    one = run("speculative", draft_length=1, student_samples=6_400)
    assert one.rows[1]["tokens_per_call"] <= 2 < drafts.rows[1]["tokens_per_call"] <= 5


# --------------------------------------------------------------------------- words of one's own


def test_words_of_ones_own_are_a_language() -> None:
    names = OWN_WORDS.parse("Anna, bernd ,carla\ndavid,anna,emma,felix")
    assert names == ("anna", "bernd", "carla", "david", "emma", "felix")
    assert OWN_WORDS.parse(OWN_WORDS.format(names)) == names
    result = run("words", words=10, own_words=names, student_samples=6_400)
    assert set(result.measured.speakers.read) == set(names)
    assert max(row["effective_words"] for row in result.rows) <= len(names) + 1e-6


@pytest.mark.parametrize("text", ["anna", "x" * 31 + ",b", ",".join(f"w{i}" for i in range(81))])
def test_what_is_no_list_of_words_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="2 to 80 different words"):
        OWN_WORDS.parse(text)


def test_no_words_are_the_number_names() -> None:
    assert OWN_WORDS.parse("") == ()
    for kind in (WordsSettings, DirectionsSettings, SpeculativeSettings):
        assert kind().language is number_language()


def test_the_text_of_the_first_seed_is_shown_as_it_was_written(drafts: AnyResult) -> None:
    shown = drafts.measured.shown[0]
    assert shown.drafted.shape == (1, 1, speculative.CALLS, 4)
    assert len(shown.text(0)) == int((shown.kept + 1).sum())
    assert torch.equal(shown.kept.clamp(0, 4), shown.kept)


def test_the_baseline_is_the_most_forward_of_the_mixes() -> None:
    assert directions.most_forward((0.5, 0.75, 0.0)) == 1
    assert directions.most_reverse((0.5, 0.75, 0.0)) == 2
