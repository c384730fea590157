"""Nothing is said of a published system without its source, and where the two differ it shows."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from kdcore.figures import published_systems_figure
from kdcore.practice.published import Figures, System, published_systems
from kdcore.words import LESSONS, literature

SYSTEMS = {system.name: system for system in published_systems()}
NAMES = {"teacher": "teacher", "usual": "GLUE", "other": "another measure"}


def test_the_systems_are_those_whose_sources_are_known() -> None:
    assert list(SYSTEMS) == [
        "DistilBERT",
        "TinyBERT",
        "DistilGPT-2",
        "MobileNet",
        "DeepSeek-R1, distilled",
        "DistillSpec",
    ]


@pytest.mark.parametrize("name", SYSTEMS)
def test_nothing_is_said_of_a_system_without_its_source(name: str) -> None:
    system = SYSTEMS[name]
    assert system.commonly_said
    assert system.source_says
    assert system.source
    # A share of quality says nothing without what it was measured by.
    assert (system.found.quality_kept is not None) is bool(system.measure)


def test_size_and_quality_follow_from_the_figures_of_the_sources() -> None:
    assert SYSTEMS["DistilBERT"].found == Figures(0.6, 0.97, 1.6)
    assert SYSTEMS["TinyBERT"].found.size_left == pytest.approx(1 / 7.5)
    assert SYSTEMS["TinyBERT"].at_least
    distilled_gpt2 = SYSTEMS["DistilGPT-2"].found
    assert distilled_gpt2.size_left == pytest.approx(82 / 124)
    assert distilled_gpt2.quality_kept == pytest.approx(16.3 / 21.1)


def test_marks_show_where_saying_and_source_differ() -> None:
    assert {name: system.mark for name, system in SYSTEMS.items()} == {
        "DistilBERT": "holds",
        "TinyBERT": "source says more",
        "DistilGPT-2": "differs",
        "MobileNet": "misleading",
        "DeepSeek-R1, distilled": "holds",
        "DistillSpec": "holds",
    }


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        (Figures(0.5, 0.9, 2.0), "holds"),
        (Figures(0.501, 0.9, 2.0), "holds"),  # rounding
        (Figures(0.6, 0.9, 2.0), "differs"),
        (Figures(0.4, 0.9, 2.0), "source says more"),
        (Figures(0.5, 0.8, 2.0), "differs"),
        (Figures(0.5, 0.95, 2.0), "source says more"),
        (Figures(0.5, 0.9, 1.5), "differs"),
        (Figures(0.5, 0.95, 1.5), "differs"),
        (Figures(None, None, None), "holds"),
    ],
)
def test_a_mark_is_computed_from_the_numbers(found: Figures, mark: str) -> None:
    system = System("any", True, "", "", "", said=Figures(0.5, 0.9, 2.0), found=found)
    assert system.mark == mark
    assert replace(system, distilled=False).mark == "misleading"


def test_another_measure_has_another_mark_in_the_chart() -> None:
    figure = published_systems_figure(published_systems(), "size", "quality", NAMES)
    _, glue, other = figure.data
    assert list(glue.text) == ["TinyBERT", "DistilBERT"] or list(glue.text) == [
        "DistilBERT",
        "TinyBERT",
    ]
    assert list(other.text) == ["DistilGPT-2"]
    assert glue.marker.symbol != other.marker.symbol
    assert list(other.x) == pytest.approx([100 * 82 / 124])
    # What has no figures is no point, and each point names its source.
    assert [row[0] for row in (*glue.customdata, *other.customdata)] == [
        "Sanh et al. (2019)",
        "Jiao et al. (2020)",
        "its model card; README of Hugging Face's distillation code",
    ]


def test_figures_in_sentences_on_systems_are_those_of_their_sources() -> None:
    """Written a second time, too."""
    figures = re.compile(r"\d+(?:[.–]\d+)?")
    assert {name: figures.findall(system.source_says) for name, system in SYSTEMS.items()} == {
        "DistilBERT": ["40", "60", "97", "1"],
        "TinyBERT": ["7.5", "9.4", "96.8", "4"],
        "DistilGPT-2": ["82", "124", "103", "21.1", "16.3"],
        "MobileNet": ["4.7"],
        "DeepSeek-R1, distilled": ["800", "2024", "32", "72.6", "47.0"],
        "DistillSpec": ["10–45"],
    }
    assert {name: figures.findall(system.commonly_said) for name, system in SYSTEMS.items()} == {
        "DistilBERT": ["40", "60", "97"],
        "TinyBERT": ["7.5", "96"],
        "DistilGPT-2": ["2", "2"],
        "MobileNet": [],
        "DeepSeek-R1, distilled": ["1"],
        "DistillSpec": [],
    }


def test_quoted_figures_are_those_of_their_sources() -> None:
    """Written a second time, from the sources: a slip of the hand in either place shows."""
    facts = Path(__file__).parents[1] / "assets/facts/literature.toml"
    quoted = tomllib.loads(facts.read_text(encoding="utf-8"))
    assert all(figures.pop("source") for figures in quoted.values())
    assert quoted == {
        "distilgpt2": {"teacher_perplexity": "16.3", "perplexity": "21.1"},
        "mirzadeh": {"no_distillation": "70.16 %", "direct": "72.57 %", "assistant": "73.51 %"},
        "muller": {"plain_teacher": "0.74", "smoothed_teacher": "0.91"},
        "hinton": {
            "errors": "206",
            "errors_on_threes": "133",
            "threes": "1,010",
            "bias": "3.5",
            "errors_corrected": "109",
            "threes_right": "98.6 %",
            "units_all_alike": "300",
            "temperature_all_alike": "8",
            "units_few": "30",
            "temperature_low": "2.5",
            "temperature_high": "4",
        },
        "distilbert": {"faster": "60 %"},
        "distillspec": {"faster": "10–45 %"},
        "deepseek": {"answers": "800 thousand"},
        "cloud": {"with_favourite": "over 60 %", "without_favourite": "12 %"},
    }


def test_every_quoted_figure_stands_in_some_words() -> None:
    words = "".join(file.read_text(encoding="utf-8") for file in LESSONS.glob("en/*.toml"))
    figures = [
        f"<<{paper}.{name}>>"
        for paper, figures in literature().items()
        for name in figures
        if name != "source"
    ]
    assert [figure for figure in figures if figure not in words] == []
