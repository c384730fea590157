"""What a label says: hard and soft labels on a real digit, on all digits, and on your own."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st
from torch import Tensor

from kdcore.data import digits
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.figures import MARKERS, look_alikes_figure, similarity_figure
from kdcore.losses import soft_labels
from kdcore.settings import TEMPERATURE, Number
from kdcore.views.drawing import digit_from_drawing, drawing_of, is_strange, strangeness
from kdcore.views.pictures import picture
from kdcore.views.similarity import (
    class_means,
    class_similarity,
    look_alikes,
    mutual_similarity,
    seriation,
    similarity_intervals,
    strongest_pair,
)
from pages.common import charts, digit_images, frame, jobs
from pages.common.answer import ask_lab
from pages.common.drawing import SIDE, drawing_board
from pages.common.lesson import provenance_of
from pages.common.live_bars import THUMBNAILS, ExampleDigit, Row, live_bars, temperature_slider
from pages.common.widgets import Choice, Controls, Remembered, control_of

#: The order of the classes is settled at one T, so that the map stays in place while T moves.
ORDER_TEMPERATURE = 4.0

#: Images behind a cell.
SHOWN = 10

#: What the Lab trains unless asked otherwise: on a warm server it is there already.
SETTINGS = LabSettings()

PANEL_HEIGHT, DRAWN_HEIGHT = "17rem", "21rem"

words = frame.page("hard_and_soft")
behind_words = words["behind"]
classes = tuple(range(digits().classes))
controls = Controls(
    "hard_and_soft",
    [
        control_of(TEMPERATURE),
        Remembered("digit", THUMBNAILS[8], len(digits().test) - 1),
        Choice(Number("true_class", 0, 9, 1, classes, whole=True)),
        Choice(Number("look_alike", 0, 9, 8, classes, whole=True)),
    ],
)
controls.show_notes()


def pixels(image: Tensor) -> list[int]:
    """Return an image as the live bars want it, 0 to 16."""
    return [round(16 * ink) for ink in image.tolist()]


def example_digits(result: MeasuredLab) -> list[ExampleDigit]:
    """Return the digits to choose from."""
    test = digits().test
    return [
        ExampleDigit(
            index=index,
            label=int(test.labels[index]),
            pixels=pixels(test.inputs[index]),
            logits={who: z[index].tolist() for who, z in result.example_logits.items()},
        )
        for index in dict.fromkeys((*THUMBNAILS, controls["digit"]))
    ]


# ------------------------------------------------------------------------------ the three panels


def show_chain(result: MeasuredLab | None) -> None:
    """Draw the chain: the chosen digit, the teacher, its soft labels, the student."""
    text, index = words["panels"]["chain"], controls["digit"]
    label = int(digits().test.labels[index])

    def box(who: str, name: str, units: int) -> str:
        right = "–" if result is None else f"{100 * result.of(who).mean:.0f}"
        lines = (text["units"].format(units=units), text["right"].format(percent=right))
        return (
            f'<div class="box" style="--colour:var(--{who})"><strong>'
            f'<span class="marker {MARKERS[who]}"></span> {escape(name)}</strong>'
            + "".join(f"<span>{escape(line)}</span>" for line in lines)
            + "</div>"
        )

    image = picture(digits().test.inputs[index], enlarge=8)
    alternative = escape(text["picture"].format(label=label))
    st.html(
        f'<div class="chain"><img src="{image}" alt="{alternative}"><span class="arrow">→</span>'
        + box("teacher", text["teacher"], SETTINGS.teacher_hidden[0])
        + f'<span class="arrow"><small>{escape(text["arrow"])}</small>→</span>'
        + box("distilled", text["student"], SETTINGS.student_hidden[0])
        + "</div>"
    )


def show_panels(result: MeasuredLab | None) -> None:
    """Show the concept as the field draws it, with one real digit and measured bars."""
    text, examples = words["panels"], example_digits(result) if result else []
    panels: tuple[tuple[str, list[tuple[str, str, float | None]]], ...] = (
        ("chain", [("teacher", "row_teacher", None), ("distilled", "row_distilled", None)]),
        ("hard_soft", [("label", "row_label", None), ("teacher", "row_teacher", None)]),
        (
            "temperature",
            [
                ("teacher", "row_low", 1.0),
                ("teacher", "row_now", None),
                ("teacher", "row_high", 20.0),
            ],
        ),
    )
    for column, (name, rows) in zip(st.columns(3, gap="medium"), panels, strict=True):
        panel = text[name]
        with column:
            st.subheader(panel["heading"], anchor=False)
            st.markdown(panel["text"])
            if name == "chain":
                show_chain(result)
            live_bars(
                controls,
                examples,
                words["bars"],
                stale=False,
                rows=[Row(who, panel[row], temperature) for who, row, temperature in rows],
                thumbnails=False,
                height=PANEL_HEIGHT,
                key=f"panel-{name}",
            )


# ---------------------------------------------------------------------------- the similarity map


def choose_cell() -> None:
    """Take over the cell of the map that was clicked."""
    points = st.session_state["similarity"]["selection"]["points"]
    if points:
        controls["true_class"], controls["look_alike"] = map(int, points[0]["customdata"][:2])


def table_of(similarity: Tensor, order: list[int]) -> pd.DataFrame:
    """Return a map of the classes as a table in percent, in the order of the map."""
    rows = [[label, *(100 * similarity[label, order]).tolist()] for label in order]
    return pd.DataFrame(rows, columns=[words["map"]["table_true"], *(f"{c} (%)" for c in order)])


def show_map(result: MeasuredLab) -> None:
    """Show which classes the teachers take for one another, as a map and as a picture."""
    text, test, T = words["map"], digits().test, controls["temperature"]
    teachers = result.teacher_logits
    order = seriation(class_similarity(teachers, test.labels, ORDER_TEMPERATURE).mean(0))
    cells = similarity_intervals(teachers, test.labels, T)
    similarity = class_similarity(teachers, test.labels, T).mean(0)
    mutual = mutual_similarity(similarity)
    chosen = (controls["true_class"], controls["look_alike"])
    in_order = ", ".join(map(str, order))

    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"].format(n=len(teachers), order_temperature=ORDER_TEMPERATURE))
    left, right = st.columns([6, 5], gap="large")
    with left:
        true, other = strongest_pair(similarity)
        charts.show(
            similarity_figure(cells, order, chosen, text["x"], text["y"], text["colour"]),
            table_of(similarity, order),
            text["alternative"].format(
                temperature=f"{T:g}",
                n=len(teachers),
                order=in_order,
                true=true,
                other=other,
                percent=f"{100 * cells[true][other].mean:.1f}",
            ),
            key="similarity",
            on_select=choose_cell,
        )
    with right:
        first, second = strongest_pair(mutual)
        charts.show(
            look_alikes_figure(
                mutual.tolist(),
                order,
                chosen,
                [picture(mean) for mean in class_means(test.inputs, test.labels, len(classes))],
                text["ring_hover"],
            ),
            table_of(mutual, order),
            text["ring_alternative"].format(
                order=in_order,
                first=first,
                second=second,
                percent=f"{100 * mutual[first, second].item():.1f}",
            ),
            key="look-alikes",
        )
        st.caption(text["ring_explain"])


def show_images_behind(result: MeasuredLab) -> None:
    """Show the test images behind the chosen cell of the map."""
    test, T = digits().test, controls["temperature"]
    st.subheader(behind_words["heading"], anchor=False)
    st.markdown(behind_words["choose"])
    with st.container(horizontal=True, key="cell-choice"):
        controls.show("true_class")
        controls.show("look_alike")
    true, other = controls["true_class"], controls["look_alike"]
    explain = behind_words["explain_same" if true == other else "explain"]
    st.markdown(explain.format(true=true, other=other, temperature=f"{T:g}"))
    found = look_alikes(result.teacher_logits, test.labels, true, other, T, SHOWN)
    percents = [f"{100 * share:.1f}" for _, share in found]
    said = behind_words["picture"]
    digit_images.show(
        [test.inputs[row] for row, _ in found],
        [said.format(true=true, other=other, percent=percent) for percent in percents],
        [behind_words["caption"].format(percent=percent) for percent in percents],
    )


# ------------------------------------------------------------------------------ your own digit


@st.fragment
def show_drawing(result: MeasuredLab | None) -> None:
    """Let the learner draw a digit, and the three networks read it."""
    text = words["draw"]
    left, right = st.columns([4, 7], gap="large")
    with left:
        examples = [drawing_of(digits().test.inputs[index], SIDE) for index in THUMBNAILS]
        ink = drawing_board("drawing-board", text, examples)
        drawn = digit_from_drawing(ink)
        if drawn is not None:
            alternative = escape(text["seen_picture"])
            st.html(
                f'<figure class="seen"><img src="{picture(drawn, 8)}" alt="{alternative}">'
                f"<figcaption>{escape(text['seen'])}</figcaption></figure>"
            )
    with right:
        answers = []
        if drawn is not None and result is not None:
            logits = {who: z[0] for who, z in result.answers(drawn[None]).items()}
            as_lists = {who: z.tolist() for who, z in logits.items()}
            answers = [ExampleDigit(0, -1, pixels(drawn), as_lists)]
            say_answers(logits)
            if is_strange(drawn):
                percent = f"{100 * strangeness(drawn):.0f}"
                st.warning(text["strange"].format(percent=percent), icon=":material/help:")
            else:
                st.markdown(text["familiar"])
        live_bars(
            controls,
            answers,
            words["bars"]
            | {"waiting": text["waiting"] if result is not None else text["still_training"]},
            stale=False,
            rows=[Row(who, words["bars"][who]) for who in ("teacher", "hard", "distilled")],
            thumbnails=False,
            height=DRAWN_HEIGHT,
            key="drawn-bars",
        )


def say_answers(logits: dict[str, Tensor]) -> None:
    """Say in one line what each network reads."""
    T = controls["temperature"]
    lines = []
    for who, own in logits.items():
        share, label = soft_labels(own[None], T)[0].max(0)
        lines.append(
            words["draw"]["answer"].format(
                name=words["bars"][who],
                label=int(label),
                percent=f"{100 * share.item():.0f}",
                temperature=f"{T:g}",
            )
        )
    with st.container(key="drawn-answers"):
        st.markdown("  \n".join(lines))


# -------------------------------------------------------------------------------------- the page

answered = ask_lab(lambda: SETTINGS, controls)
result = answered.result.measured if answered.result else None

with st.container(key="controls"):
    left, right = st.columns([5, 8], gap="large")
    with left:
        temperature_slider(controls)
    with right:
        st.html(f'<p class="quiet small">{escape(words["panels"]["hint"])}</p>')
        live_bars(
            controls,
            example_digits(result) if result else [],
            words["bars"] | {"waiting": ""},
            stale=False,
            rows=[],
            height="2.6rem",
            key="digit-choice",
        )

show_panels(result)
with st.container(key="provenance"):
    if answered.result:
        whose = words["panels"]["whose"]
        charts.provenance(f"{whose} · {provenance_of(answered.result, controls)}")
    answered.follow(jobs.show_progress)

st.subheader(words["draw"]["heading"], anchor=False)
st.markdown(words["draw"]["explain"])
show_drawing(result)

if result:
    show_map(result)
    show_images_behind(result)
controls.write_address()
