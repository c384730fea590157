"""How runs, their conditions and their settings are called; the words are those of *My runs*."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kdcore.claims import Judgement
from kdcore.experiments import EXPERIMENTS
from kdcore.statistics import Verdict
from kdcore.visit.evidence import tally
from kdcore.visit.runs import Condition, Run
from kdcore.words import settings_words
from pages.common import charts
from pages.common.words import language, words


def title(run: Run) -> str:
    """Name a run, such as ``3 · Temperature``."""
    return f"{run.number} · {experiment(run)}"


def experiment(run: Run) -> str:
    """Name the experiment of a run; a run of the Lab by the page that asked for it."""
    if run.summary.experiment == "lab":
        return str(words(run.page)["menu"])
    name = run.summary.experiment
    return str(_page_words(name)["experiments"][name]["name"])


def condition(named: Condition, experiment: str) -> str:
    """Name a condition of a run of an experiment, such as ``T = 4, without T²``."""
    names, values = _merged(experiment, "conditions"), _merged(experiment, "values")
    parts = [
        names.get(name, "{value}").format(value=values.get(value, value))
        for name, value in named.name.items()
        if value
    ]
    return ", ".join(parts) or names["baseline"]


def stages(experiment: str) -> dict[str, str]:
    """Return how the stages of a training are called; one may be named after its condition."""
    usual: dict[str, str] = words("lesson")["progress"]["stages"]
    values = _merged(experiment, "values").items()
    return {key: name[:1].upper() + name[1:] for key, name in values} | usual


def row(run: Run, number: int) -> str:
    """Name one of the conditions of a run."""
    return condition(run.summary.conditions[number], run.summary.experiment)


def setting(name: str) -> str:
    """Name a setting, in a word or two."""
    known = settings_words(language()).get(name)
    return str(known["short"]) if known else name


def value(written: str | None) -> str:
    """Write the value of a setting; long lists can be broken into lines."""
    return written.replace(",", ", ").replace(";", "; ") if written else "–"


def settings(values: Mapping[str, str]) -> str:
    """Write settings in one line."""
    return " · ".join(f"{setting(name)} {value(own)}" for name, own in values.items())


def judgement(judged: Judgement) -> dict[str, str]:
    """Return what fills the words of a claim: the figure behind it, a gain, what they are of."""
    text = words("my_runs")["values"] | words("takeaways")["verdicts"]
    said = {name: text.get(own, own) for name, own in judged.said.items()}
    figure = judged.figure
    if judged.unit == "points":
        said["figure"] = charts.points(figure.mean, figure.half_width)
    elif judged.unit == "percent":
        said["figure"] = charts.percent(figure)
    else:
        said["figure"] = f"{figure.mean:.1f} ± {figure.half_width:.1f}"
    if judged.gain is not None:
        said["gain"] = charts.points(judged.gain.mean, judged.gain.half_width)
    return said


def counts(name: str, runs: Sequence[Run]) -> str:
    """Say how many of the runs on a claim support it, contradict it, and leave it open."""
    text, counted = words("takeaways")["verdicts"], tally(name, runs)
    total = sum(counted.values())
    if total == 1:
        (verdict,) = (said for said, count in counted.items() if count)
        return str(text["counts"]["one"].format(verdict=text[verdict]))
    parts = {said: str(count or text["counts"]["none"]) for said, count in counted.items()}
    return str(text["counts"]["many"].format(runs=total, **parts))


def by_the_way(runs: Iterable[Run]) -> str:
    """Name the experiments of the runs that were made by the way, each once."""
    return ", ".join(dict.fromkeys(experiment(run) for run in runs if not run.seen))


def verdict(said: Verdict) -> str:
    """Write what is said of a paired difference."""
    return str(words("lesson")["verdicts"][said])


def words_of_claim(experiment: str, claim: str) -> dict[str, Any]:
    """Return the words of a claim, which stand with the lesson that tests it."""
    found: dict[str, Any] = _page_words(experiment)["claims"][claim]
    return found


def _page_words(experiment: str) -> dict[str, Any]:
    return words(EXPERIMENTS[experiment].page)


def _merged(experiment: str, table: str) -> dict[str, str]:
    """Return the usual names and those that an experiment's own page adds."""
    own = _page_words(experiment).get("experiments", {}).get(experiment, {}).get(table, {})
    return {**words("my_runs")[table], **own}
