"""Four ways to teach: response, feature, self, online; each by itself, and all compared."""

from __future__ import annotations

from typing import Any

import streamlit as st

from kdcore import losses, methods
from kdcore.data import digits
from kdcore.experiments import feature, online, self_distillation, temperature, variants
from kdcore.experiments.feature import FeatureSettings, MeasuredHints
from kdcore.experiments.online import OnlineSettings
from kdcore.experiments.result import AnyResult, Experiment, M, MeasuredCurve, Result, Row, S
from kdcore.experiments.self_distillation import SelfSettings
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.experiments.variants import FOUR_WAYS, VariantsSettings, best_way_to_teach
from kdcore.figures import accuracy_figure, curves_figure, gains_figure, projection_figure
from kdcore.settings import ALPHA, GENERATIONS, HINT_WEIGHT, TEMPERATURE, Number, Parameter
from kdcore.statistics import not_told_apart
from pages.common import charts, diagrams
from pages.common import run_words as called
from pages.common.lesson import Lesson
from pages.common.widgets import Control, Named

#: Test images whose features are drawn: enough to see clusters, few enough to read digits.
PROJECTED = 300


#: One cohort at a time, here.
PEERS = Number("peers", 2, 8, 4, (2, 3, 4, 6, 8), whole=True)


def extras(text: dict[str, Any]) -> list[Control | Parameter]:
    """Return the controls of the single variants."""
    hints = text["feature"]
    return [
        Named(
            "variant",
            text["each"]["variant"],
            text["each"]["help"],
            {name: text[name]["name"] for name in FOUR_WAYS},
            "response",
            as_tabs=True,
        ),
        TEMPERATURE,
        ALPHA,
        HINT_WEIGHT,
        Named("hint_layer", hints["layer"], hints["layer_help"], hints["layers"], "2"),
        GENERATIONS,
        PEERS,
    ]


lesson = Lesson(
    "four_ways",
    VariantsSettings,
    ["student_hidden", "labels", "label_noise"],
    extras=extras,
)
controls, words = lesson.controls, lesson.words
each, names = words["each"], words["experiments"]["variants"]["values"]


# --------------------------------------------------------------------------- the comparison


def gains_in_words(result: AnyResult) -> str:
    """Say what gained most of the four that are asked about, what more beyond them, what hurt."""
    text = words["comparison"]

    def best(rows: list[Row]) -> Row:
        return max(rows, key=lambda row: float(row["gain"]))

    def say(sentence: str, row: Row) -> str:
        return sentence.format(
            way=names.get(row["variant"], row["variant"]),
            gain=charts.points(row["gain"], row["gain_ci"]),
            verdict=called.verdict(row["verdict"]),
        )

    four = [row for row in result.rows[1:] if row["variant"] in FOUR_WAYS]
    said = [say(text["best"], best(four))]
    others = [row for row in result.rows[1:] if row["variant"] not in FOUR_WAYS]
    if others and best(others)["gain"] > best(four)["gain"]:
        said.append(say(text["beyond"], best(others)))
    if hurt := [say("{way} ({gain})", row) for row in four + others if row["verdict"] == "hurts"]:
        said.append(text["worse"].format(ways=", ".join(hurt)))
    return " ".join(said)


def show_comparison(result: AnyResult) -> None:
    """All ways at equal steps: paired gains with their verdicts."""
    text = words["comparison"]
    settings, ways = result.settings, result.rows[1:]
    st.subheader(text["heading"], anchor=False)
    st.markdown(
        text["explain"].format(
            labels=settings.labels,
            wrong=round(settings.label_noise * settings.labels),
            steps=ways[0]["training_steps"],
        )
    )
    gains = [result.interval(row, "gain") for row in ways]
    labels = [names.get(row["variant"], row["variant"]) for row in ways]
    lesson.chart(
        gains_figure(labels, gains, text["x"]),
        # The steps are said above; a column of them, all alike, would push the last one away.
        charts.table(result.rows, [name for name in result.rows[0] if name != "training_steps"]),
        text["alternative"].format(
            gains="; ".join(
                f"{label} {charts.points(row['gain'], row['gain_ci'])}: "
                f"{called.verdict(row['verdict'])}"
                for label, row in zip(labels, ways, strict=True)
            )
        ),
        key="gains",
    )
    st.markdown(text["controls"])


# -------------------------------------------------------------------------- each by itself


def show_variant(name: str) -> None:
    """One way by itself: its picture, its formula, its controls, its training."""
    text = words[name]
    picture, description = st.columns(2, gap="large", vertical_alignment="center")
    with picture:
        diagrams.show(name, words["diagrams"])
    description.markdown(f"**{text['name']}** · {text['paper']}")
    description.latex(text["formula"])
    SHOW[name](text)


def show_controls(*names: str) -> None:
    """Draw the controls of one way in a row."""
    with st.container(key="control-row-variant", horizontal=True):
        for name in names:
            controls.show(name)


def run(experiment: Experiment[S, M], settings: S) -> Result[S, M] | None:
    """Train one way by itself."""
    if controls["label_noise"] and not hasattr(settings, "label_noise"):
        st.caption(each["clean"])
    return lesson.run_beside(experiment, lambda: settings)


def show_response(text: dict[str, Any]) -> None:
    """Response: the teacher's answers."""
    st.markdown(text["text"])
    show_controls("temperature", "alpha")
    result = run(
        temperature.EXPERIMENT,
        controls.settings(TemperatureSettings, temperatures=(controls["temperature"],)),
    )
    if not result:
        return
    show_curves([("hard", names["hard"]), ("distilled", text["name"])], curves_of(result))
    show_verdict(result)
    hard, distilled = (f"{100 * row['agreement']:.0f} %" for row in result.rows)
    st.markdown(text["sentence"].format(agreement=distilled, hard=hard))


def show_feature(text: dict[str, Any]) -> None:
    """Feature: the teacher's hidden layer."""
    show_controls("hint_layer", "hint_weight")
    result = run(
        feature.EXPERIMENT,
        controls.settings(
            FeatureSettings,
            hint_weights=(float(controls["hint_weight"]),),
            hint_layer=int(controls["hint_layer"]),
        ),
    )
    if not result:
        return
    measured, row = result.measured, result.rows[-1]
    st.markdown(
        text["text"].format(
            regressor=f"{row['regressor_parameters']:,d}", student=f"{row['student_parameters']:,d}"
        )
    )
    who = [("hard", names["hard"]), ("distilled", text["name"])][: len(result.rows)]
    left, right = st.columns(2, gap="large")
    with left:
        show_curves(who, curves_of(result))
        if len(result.rows) > 1:
            show_verdict(result)
    with right:
        st.markdown(f"**{text['match']}**")
        curves = [(w, name, c) for (w, name), c in zip(who, measured.match, strict=True)]
        charts.show(
            curves_figure(curves, each["samples"], text["match_y"]),
            curves_table(curves),
            text["match_alternative"].format(ends=ends(curves, 1, 2)),
            key="match",
        )
    show_projection(text, measured)


def show_projection(text: dict[str, Any], measured: MeasuredHints) -> None:
    """Both feature spaces by class."""
    teacher, student = measured.teacher_projection, measured.student_projections[-1]
    labels = digits().test.labels[:PROJECTED].tolist()
    st.markdown(f"**{text['projection']}**")
    planes = [teacher.points[:PROJECTED], student.points[:PROJECTED]]
    shares = {"teacher": f"{100 * teacher.share:.0f} %", "student": f"{100 * student.share:.0f} %"}
    charts.show(
        projection_figure(planes, labels, [f"{text[who]} ({shares[who]})" for who in shares]),
        charts.table(
            [
                {"digit": label, "teacher x": t[0], "teacher y": t[1], "x": s[0], "y": s[1]}
                for label, t, s in zip(labels, *(p.tolist() for p in planes), strict=True)
            ]
        ),
        text["projection_alternative"].format(**shares),
        key="projection",
    )


def show_self(text: dict[str, Any]) -> None:
    """Self: one's own predecessor."""
    st.markdown(text["text"])
    show_controls("generations", "temperature", "alpha")
    result = run(
        self_distillation.EXPERIMENT,
        controls.settings(SelfSettings),
    )
    if not result:
        return
    accuracies = [result.interval(row) for row in result.rows]
    _, alike = not_told_apart(result.accuracy)
    st.markdown(f"**{text['chart']}**")
    charts.show(
        accuracy_figure(
            [str(row["generation"]) for row in result.rows],
            accuracies,
            accuracies[0],
            alike,
            text["x"],
            text,
        ),
        charts.table(result.rows),
        text["alternative"].format(
            last=len(accuracies) - 1, values=", ".join(map(charts.percent, accuracies))
        ),
        key="generations",
    )
    show_sentence(text, result)


def show_online(text: dict[str, Any]) -> None:
    """Online: peers that teach each other."""
    st.markdown(text["text"])
    show_controls("peers")
    result = run(
        online.EXPERIMENT,
        controls.settings(OnlineSettings, peers=(controls["peers"],)),
    )
    if not result:
        return
    measured = result.measured
    cohort, alone = measured.cohorts[-1], measured.alone[-1]
    left, right = st.columns(2, gap="large")
    with left:
        peers = [text["peer"].format(number=1 + peer) for peer in range(cohort.peers)]
        show_curves(
            [("hard", text["alone"]), *(("distilled", peer) for peer in peers)],
            [alone.mean_curve, *cohort.curves],
        )
    with right:
        st.markdown(f"**{text['agreement']}**")
        curves = [
            ("hard", text["alone"], alone.agreement),
            ("distilled", text["together"], cohort.agreement),
        ]
        charts.show(
            curves_figure(curves, each["samples"], text["agreement_y"], 100),
            curves_table(curves),
            text["agreement_alternative"].format(
                together=f"{100 * cohort.agreement.y[-1].mean:.1f} %",
                alone=f"{100 * alone.agreement.y[-1].mean:.1f} %",
            ),
            key="agreement",
        )
    show_sentence(text, result)


SHOW = {
    "response": show_response,
    "feature": show_feature,
    "self": show_self,
    "online": show_online,
}


# --------------------------------------------------------------------- what they have in common


def curves_of(result: AnyResult) -> list[MeasuredCurve]:
    """Return the learning curves of a result that has them."""
    return result.measured.curves or []


def show_curves(who: list[tuple[str, str]], curves: list[MeasuredCurve]) -> None:
    """Draw learning curves; ``who`` gives each its kind and its name."""
    named = [(kind, name, curve) for (kind, name), curve in zip(who, curves, strict=True)]
    st.markdown(f"**{each['curves']}**")
    charts.show(
        curves_figure(named, each["samples"], each["accuracy"], 100),
        curves_table(named),
        each["curves_alternative"].format(ends=ends(named, 100, 1)),
        key="curves",
    )


def ends(curves: list[tuple[str, str, MeasuredCurve]], scale: float, decimals: int) -> str:
    """Say where each curve ends."""
    return ", ".join(f"{name} {scale * c.y[-1].mean:.{decimals}f}" for _, name, c in curves)


def curves_table(curves: list[tuple[str, str, MeasuredCurve]]) -> Any:
    """Return curves as one table."""
    return charts.table(
        [
            {"curve": name, each["samples"]: x, "mean": y.mean, "± 95 %": y.half_width, "n": y.n}
            for _, name, curve in curves
            for x, y in zip(curve.x, curve.y, strict=True)
        ]
    )


def show_verdict(result: AnyResult) -> None:
    """Say what the last row gains over hard labels."""
    row = result.rows[-1]
    gain = charts.points(row["gain"], row["gain_ci"])
    st.markdown(each["verdict"].format(verdict=called.verdict(row["verdict"]), gain=gain))


def show_sentence(text: dict[str, Any], result: AnyResult) -> None:
    """Say what the last row gains, alone and as an ensemble, and on how many gains it is judged."""
    row = result.rows[-1]
    columns = ("verdict", "ensemble_verdict")
    judged = sum(own.get(column) is not None for own in result.rows for column in columns)
    together = each["together"].format(comparisons=judged)
    st.markdown(
        text["sentence"].format(
            verdict=called.verdict(row["verdict"]),
            gain=charts.points(row["gain"], row["gain_ci"]),
            ensemble_verdict=called.verdict(row["ensemble_verdict"]),
            ensemble_gain=charts.points(row["ensemble_gain"], row["ensemble_gain_ci"]),
        )
        + together
    )


if lesson.predict():
    comparison = lesson.run(variants.EXPERIMENT)
    if comparison:
        with lesson.results():
            show_comparison(comparison)
            lesson.compare(best_way_to_teach(comparison), gains_in_words(comparison))
        st.subheader(each["heading"], anchor=False)
        controls.show("variant")
        show_variant(controls["variant"])
        lesson.explain(
            [
                losses.gradient_towards,
                losses.hint_gradient,
                losses.mutual_gradient,
                losses.decoupled_loss,
                losses.relational_loss,
                methods.born_again,
            ],
            [losses.distillation_loss, losses.hint_loss, losses.mutual_loss],
        )
        lesson.tries()
