"""Start here: four beats, from one label that says one thing to a digit that was never seen."""

from __future__ import annotations

import secrets
from dataclasses import replace
from html import escape

import streamlit as st
from torch import Tensor

from kdcore.data import digits
from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.experiments.result import AnyResult, Result
from kdcore.experiments.unseen_class import EXPERIMENT as UNSEEN_CLASS
from kdcore.experiments.unseen_class import (
    MeasuredUnseen,
    UnseenClassSettings,
    look_into,
    unseen_pattern,
)
from kdcore.figures import live_curves_figure
from kdcore.losses import soft_labels
from kdcore.settings import TEMPERATURE
from kdcore.views.drawing import digit_from_drawing, drawing_of
from kdcore.views.pictures import picture
from kdcore.visit.jobs import Job
from pages.common import cards, charts, digit_images, frame, glossary, jobs
from pages.common.answer import Answer, ask, ask_lab
from pages.common.drawing import SIDE, drawing_board
from pages.common.lesson import provenance_of
from pages.common.live_bars import (
    FIRST_DIGIT,
    THUMBNAILS,
    ExampleDigit,
    Row,
    live_bars,
    temperature_slider,
)
from pages.common.widgets import Controls, Named, Remembered, control_of
from pages.common.words import words as words_of

#: The digit taken away: not the one of *The digit it never saw*, which asks for a prediction first.
#: Of some digits many more are read than of others.
UNSEEN = 8

#: What the page trains: with so few conditions and seeds it does not keep anybody waiting.
UNSEEN_SETTINGS = UnseenClassSettings(omit=(UNSEEN,), temperatures=(8.0,), seeds=5)

#: Where the seeds of "two others" begin; with so many to draw from, two visitors rarely share them.
FIRST_SEEDS = range(10, 1000, 10)

IMAGES_SHOWN = 8

words = frame.page("start")
one, two, three, four, five = (words[w] for w in ("one", "two", "three", "four", "five"))
names = {who: words["bars"][who] for who in ("label", "teacher", "hard", "distilled")}
controls = Controls(
    "start",
    [
        # At T = 1 a teacher is nearly certain: its second thoughts appear when T is dragged.
        control_of(replace(TEMPERATURE, default=1.0)),
        Remembered("digit", FIRST_DIGIT, len(digits().test) - 1),
        Named("from", one["source"], "", {"take": one["take"], "draw": one["draw"]}, "take", True),
    ],
)
controls.show_notes()


def say_where_from(result: AnyResult) -> None:
    """Say where figures come from; the terms in it are explained where they first stand."""
    charts.provenance(provenance_of(result), glossary.explained)


def percent(share: float) -> str:
    """Write a probability; very small ones with the digits that they need."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def pixels(image: Tensor) -> list[int]:
    """Return an image as the bars want it, 0 to 16."""
    return [round(16 * ink) for ink in image.tolist()]


def test_digit(index: int, lab: MeasuredLab) -> ExampleDigit:
    """Return a test image and what the networks say of it."""
    test = digits().test
    logits = {who: z[index].tolist() for who, z in lab.example_logits.items()}
    return ExampleDigit(index, int(test.labels[index]), pixels(test.inputs[index]), logits)


def own_digit(drawn: Tensor, label: int | None, lab: MeasuredLab) -> ExampleDigit:
    """Return the drawn digit and what the networks say of it."""
    logits = {who: z[0].tolist() for who, z in lab.answers(drawn[None]).items()}
    return ExampleDigit(0, -1 if label is None else label, pixels(drawn), logits)


def show_picture(size: str) -> None:
    """Draw the digit that is being looked at, large enough to be looked at."""
    if image is None:
        return
    named = words["bars"]["digit"].format(label=label)
    described = named if label is not None else words["bars"]["drawn"]
    st.html(
        f'<img class="digit" style="--size:{size}" alt="{escape(described)}" '
        f'src="{picture(image, 8)}">',
        width="content",
    )


def show_bars(digit: ExampleDigit | None, who: str, tall: str, height: str, key: str) -> None:
    """Draw bars of the digit that is being looked at."""
    text = words["bars"] if answered.result is None else words["bars"] | {"waiting": draw_first}
    live_bars(
        controls,
        [digit] if digit else [],
        text,
        stale=False,
        rows=[Row(who, names[who])],
        thumbnails=False,
        height=height,
        tall=tall,
        key=key,
    )


draw_first: str = words["bars"]["draw_first"]
# The Lab's own run: on a warm server it is there already.
answered = ask_lab(LabSettings, controls)
lab = answered.result.measured if answered.result else None

# ------------------------------------------------------------------------- one label, one thing

st.header(one["heading"], anchor=False)
left, right = st.columns(2, gap="medium")
drawn: Tensor | None = None
label: int | None = None
with left:
    glossary.markdown(one["text"])
    controls.show("from")
    if controls["from"] == "draw":
        examples = [drawing_of(digits().test.inputs[index], SIDE) for index in THUMBNAILS]
        drawn = digit_from_drawing(
            drawing_board("start-board", words_of("hard_and_soft")["draw"], examples)
        )
        label = st.pills(
            one["meant"], range(10), key="start.meant", help=one["label_drawn"], wrap=True
        )
    else:
        live_bars(
            controls,
            [test_digit(i, lab) for i in dict.fromkeys((*THUMBNAILS, controls["digit"]))]
            if lab
            else [],
            # The bars beside it say what is waited for.
            words["bars"] | {"waiting": ""},
            stale=False,
            rows=[],
            height="2.6rem",
            key="start-choice",
        )
digit: ExampleDigit | None = None
image = drawn
if controls["from"] == "take":
    test = digits().test
    image, label = test.inputs[controls["digit"]], int(test.labels[controls["digit"]])
    digit = test_digit(controls["digit"], lab) if lab else None
elif lab is not None and drawn is not None:
    digit = own_digit(drawn, label, lab)
with right:
    if controls["from"] == "take":
        show_picture("9rem")
    show_bars(digit, "label", "6rem", "10.5rem", "start-label")
    answered.follow(jobs.show_progress)

# ------------------------------------------------------------------------- a teacher says more

st.header(two["heading"], anchor=False)
left, right = st.columns(2, gap="medium")
with left:
    glossary.markdown(two["text"])
    temperature_slider(controls)
controls.write_address()


def say_second_thoughts(digit: ExampleDigit, lab: MeasuredLab) -> None:
    """Say in figures what T brings out."""
    logits = lab.example_logits["teacher"].new_tensor([digit.logits["teacher"]])
    sure, soft = (soft_labels(logits, t)[0] for t in (1.0, controls["temperature"]))
    first, second = (int(c) for c in sure.argsort(descending=True)[:2])
    lines = [
        two[name].format(
            first=first,
            second=second,
            first_percent=percent(p[first].item()),
            second_percent=percent(p[second].item()),
            temperature=f"{controls['temperature']:g}",
        )
        for name, p in (("sure", sure), ("soft", soft))
        if name == "sure" or controls["temperature"] != 1
    ]
    if digit.label >= 0:
        lines.append(two["right" if first == digit.label else "wrong"].format(label=digit.label))
    st.markdown("  \n".join(lines))


with left, st.container(key="second-thoughts", horizontal=True, wrap=False):
    show_picture("5rem")
    if digit is not None and lab is not None:
        with st.container():
            say_second_thoughts(digit, lab)
with right:
    show_bars(digit, "teacher", "clamp(7rem, 30vw, 12rem)", "13rem", "start-teacher")
    if answered.result:
        say_where_from(answered.result)

# ------------------------------------------------------------------------- a student that listens


def train_students() -> None:
    """Ask for two students whose seeds nobody has chosen."""
    st.session_state["start.first_seed"] = secrets.choice(FIRST_SEEDS)


def show_training(job: Job[object]) -> None:
    """Show where the training stands, with its curves."""
    jobs.show_progress(job)
    curve = job.look().curve
    if curve and len(curve.accuracy) > 1:
        live = words_of("lesson")["progress"]["live"]
        st.plotly_chart(live_curves_figure(curve), alt=live, config={"staticPlot": True})
    else:
        charts.placeholder(200)


def say_who_reads(lab: MeasuredLab) -> None:
    """Say what the two students make of the digit that is being looked at."""
    if controls["from"] == "take":
        reader = test_digit(controls["digit"], lab)
    elif drawn is not None:
        reader = own_digit(drawn, label, lab)
    else:
        return
    known = reader.label >= 0
    lines = [three["digit"].format(label=reader.label) if known else three["unlabelled"]]
    for who in ("hard", "distilled"):
        said = max(range(10), key=reader.logits[who].__getitem__)
        mark = ("✓" if said == reader.label else "✗") if known else "·"
        lines.append(three["reads"].format(mark=mark, name=names[who], answer=said))
    st.markdown("  \n".join(lines))
    st.caption(three["one_digit"])


def show_students(result: Result[LabSettings, MeasuredLab], guess: str | None, stale: bool) -> None:
    """Show what came out: the expectation first, then who reads the digit, then the figures."""
    lab = result.measured
    outcomes = {"helps": "distilled", "hurts": "hard", "no clear difference": "alike"}
    said = three[lab.verdict.replace(" ", "_")].format(
        n=lab.gain.n, gain=charts.points(lab.gain.mean, lab.gain.half_width)
    )
    kept = three["right" if guess == outcomes[lab.verdict] else "wrong"] if guess else ""
    glossary.markdown(f"{said} {kept}")
    left, right = st.columns(2, gap="medium")
    with left:
        say_who_reads(lab)
        st.button(three["again"], on_click=train_students, icon=":material/casino:")
        say_where_from(result)
    with right:
        cards.accuracies(lab, words_of("lab")["results"], stale)


st.header(three["heading"], anchor=False)
glossary.markdown(three["text"])
guess: str | None = st.segmented_control(
    three["guess"],
    ("hard", "distilled", "alike"),
    format_func=lambda key: three[key],
    key="start.guess",
    persist_state="session",
    wrap=True,
)
first_seed: int | None = st.session_state.get("start.first_seed")
if first_seed is None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            three["train"],
            type="primary",
            disabled=guess is None,
            on_click=train_students,
            icon=":material/play_arrow:",
        )
        if guess is None:
            st.caption(three["choose"], width="content")
else:
    seeds = LabSettings(first_seed=first_seed)
    taught: Answer[LabSettings, MeasuredLab] = ask(LAB, lambda: seeds, controls, "students")
    taught.follow(show_training)
    if taught.result is not None and not taught.stale:
        show_students(taught.result, guess, taught.stale)

# -------------------------------------------------------------------------- the digit it never saw


def ask_for_unseen() -> None:
    """Take every image of one digit away."""
    st.session_state["start.unseen"] = True


def show_unseen(result: Result[UnseenClassSettings, MeasuredUnseen]) -> None:
    """Show how much of the digit both students read, and some of its images."""
    hard, soft = result.rows
    left, right = st.columns(2, gap="medium")
    with left:
        with st.container(key="unseen-figures", horizontal=True, wrap=False):
            for row, name in ((hard, "hard"), (soft, "soft")):
                st.metric(four[name], charts.percent(result.interval(row, "unseen_recall")))
        st.markdown(four[unseen_pattern(result)])
        say_where_from(result)
    with right:
        st.markdown(four["shown"])
        test, student = digits().test, result.measured.students[1]
        look = look_into(student, result.settings.omit, 0.0)
        answers = dict.fromkeys(look.right, UNSEEN) | dict(look.wrong)
        shown = sorted(answers)[:IMAGES_SHOWN]
        digit_images.show(
            [test.inputs[index] for index in shown],
            [four["image_alternative"].format(answer=answers[index]) for index in shown],
            [
                four["image"].format(
                    mark="✓" if answers[index] == UNSEEN else "✗", answer=answers[index]
                )
                for index in shown
            ],
        )


st.header(four["heading"], anchor=False)
glossary.markdown(four["text"])
if not st.session_state.get("start.unseen"):
    st.button(
        four["train"],
        # One button at a time draws the eye: the step before this one comes first.
        type="secondary" if first_seed is None else "primary",
        on_click=ask_for_unseen,
        icon=":material/play_arrow:",
    )
else:
    unseen = ask(UNSEEN_CLASS, lambda: UNSEEN_SETTINGS, controls)
    unseen.follow(show_training)
    if unseen.result is not None and not unseen.stale:
        show_unseen(unseen.result)

# --------------------------------------------------------------------------- what it is called

st.header(five["heading"], anchor=False)
st.markdown(five["text"].format(**five))
st.caption(five["source"])
st.markdown(five["way"])
