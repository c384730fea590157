"""How runs, their conditions and their settings are called; the words are those of *My runs*."""

from __future__ import annotations

from collections.abc import Mapping

from kdcore.visit.evidence import Judgement
from kdcore.visit.runs import Condition, Run
from pages.common import charts
from pages.common.words import words


def title(run: Run) -> str:
    """Name a run, such as ``3 · Temperature``."""
    return f"{run.number} · {experiment(run)}"


def experiment(run: Run) -> str:
    """Name the experiment of a run; a run of the Lab by the page that asked for it."""
    if run.summary.experiment == "lab":
        return str(words(run.page)["menu"])
    return str(words("my_runs")["experiments"][run.summary.experiment])


def condition(named: Condition) -> str:
    """Name a condition of a run, such as ``T = 4, without T²``."""
    text = words("my_runs")
    parts = [
        text["conditions"][name].format(value=text["values"].get(value, value))
        for name, value in named.name.items()
        if value
    ]
    return ", ".join(parts) or text["conditions"]["baseline"]


def setting(name: str) -> str:
    """Name a setting, in a word or two."""
    short: str = words("my_runs")["settings"].get(name, name)
    return short


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
