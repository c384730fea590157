"""The playground: teacher and two students draw their boundaries on points of the plane."""

from __future__ import annotations

import inspect
from typing import Any

import streamlit as st

from kdcore.experiments.playground import (
    EXPERIMENT,
    MeasuredFilms,
    PlaygroundResult,
    PlaygroundSettings,
    playground,
)
from kdcore.playground.own import OwnPoints, clicked_points, parse_csv
from kdcore.playground.shapes import PLANES, labels_per_class, spirals
from kdcore.settings import SEED
from pages.common import charts, frame, jobs, turns
from pages.common.answer import Answer, ask
from pages.common.boundaries import OWN_CLASSES, film
from pages.common.lesson import bring_into_view
from pages.common.live_bars import temperature_slider
from pages.common.widgets import Controls, Named, control_of
from pages.common.words import say

#: What no control of this page sets.
FIXED = ("student_samples", "split")
#: What describes a made-up set of points, and not the learner's own.
DESCRIBED = ("plane", "points", "noise")

EXAMPLE_FILE = "height,weight,animal\n" + "".join(
    f"{20 + step + 18 * k},{3 + step * step % 7 + 9 * k},{name}\n"
    for k, name in enumerate(("cat", "dog"))
    for step in range(12)
)

words = frame.page("boundaries")
controls = Controls(
    "boundaries",
    [
        Named(
            "plane",
            words["controls"]["plane"],
            words["controls"]["plane_help"],
            words["planes"],
            "spirals",
            as_tabs=True,
        ),
        *(
            control_of(parameter)
            for name, parameter in PlaygroundSettings.parameters().items()
            if name not in ("plane", *FIXED)
        ),
    ],
)
controls.show_notes()

#: The learner's points of either kind, kept for the visit: ``"own"`` and ``"csv"``.
own: dict[str, OwnPoints] = st.session_state.setdefault(controls.key("points-of"), {})
TROUBLE = controls.key("trouble")
#: The file that was read last, and what came of it.
FILE = controls.key("file-read")


def take_seed() -> None:
    """Go on to the next seed."""
    controls["seed"] = (controls["seed"] + 1) % (int(SEED.maximum) + 1)


def take_points(placed: Any) -> None:
    """Take over the points that were placed, or keep the reason why not."""
    st.session_state.pop(TROUBLE, None)
    try:
        own["own"] = clicked_points(placed or [])
    except ValueError as trouble:
        st.session_state[TROUBLE] = say(trouble)


def placed_points() -> list[tuple[float, float, int]] | None:
    """Return the points placed so far, as the film wants them; None if there are none to place."""
    if controls["plane"] != "own":
        return None
    known = own.get("own")
    if known is None:
        return []
    return [(x, y, OWN_CLASSES.index(known.class_names[k])) for x, y, k in known.points]


def read(name: str, content: bytes) -> OwnPoints:
    """Return the points of a file, which is read once, and while others have their turn.

    Raises
    ------
    ValueError
        If the file cannot be trained on.
    """
    known: tuple[str, OwnPoints | ValueError] | None = st.session_state.get(FILE)
    if known is None or known[0] != name:
        with turns.lent():
            try:
                known = name, parse_csv(content)
            except ValueError as trouble:
                known = name, trouble
        st.session_state[FILE] = known
    if isinstance(known[1], ValueError):
        raise known[1]
    return known[1]


def upload() -> None:
    """Ask for a file and check it; a refused one changes nothing."""
    text = words["csv"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file = st.file_uploader(text["upload"], "csv", key="boundaries.file", help=text["help"])
        st.download_button(
            text["example"],
            EXAMPLE_FILE,
            "example.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    if file is None:
        if known := own.get("csv"):
            rows, classes = len(known.points), len(known.class_names)
            st.caption(text["ready"].format(rows=rows, classes=classes))
        return
    try:
        own["csv"] = read(file.file_id, file.getvalue())
    except ValueError as trouble:
        kept = f" {text['kept']}" if "csv" in own else ""
        st.error(text["refused"].format(reason=say(trouble)) + kept, icon=":material/error:")


def settings() -> PlaygroundSettings | None:
    """Return the settings of the run from the controls; None while there are no points."""
    kind = controls["plane"]
    brought = kind in ("own", "csv")
    if brought and kind not in own:
        return None
    if not brought:
        return controls.settings(PlaygroundSettings)
    # What does not describe the learner's points must not make another run of them.
    defaults = {name: PlaygroundSettings.parameters()[name].default for name in DESCRIBED}
    return controls.settings(PlaygroundSettings, own=own[kind], **defaults)


def show_provenance(result: PlaygroundResult) -> None:
    """Say on which points accuracy was measured."""
    brought = result.settings.own is not None
    kind = "on_quarter" if brought else "on_held_out"
    text = words["measured"][kind if result.measured.plane.held_out else "on_training"]
    seconds = f"{result.seconds:.1f}"
    charts.provenance(text.format(n=result.measured.points_measured_on, seconds=seconds))


def set_controls(values: dict[str, Any]) -> None:
    """Set the controls as a “try” proposes, and bring the eye to the film."""
    controls.set(values)
    st.session_state[controls.key("bring")] = True


# ------------------------------------------------------------------------------- the controls

made_up = controls["plane"] in PLANES
with st.container(key="controls"):
    with st.container(key="plane-row", horizontal=True, gap="medium"):
        controls.show("plane")
        if made_up:
            controls.show("points")
            controls.show("noise")
    first, second, third, fourth = st.columns([11, 9, 9, 16], gap="medium")
    with first:
        temperature_slider(controls)
    with second:
        controls.show("alpha")
    with third:
        controls.show("teacher_hidden")
    with fourth, st.container(horizontal=True, gap="small", wrap=False):
        controls.show("student_hidden")
        controls.show("labels_per_class")
    if controls["plane"] == "own":
        st.markdown(words["own"]["how"])
    elif controls["plane"] == "csv":
        upload()
controls.write_address()

# ----------------------------------------------------------------------------------- the film

if controls["plane"] == "own" and (trouble := st.session_state.get(TROUBLE)):
    st.error(trouble, icon=":material/error:")

# Beside nothing else, so that what scrolls here takes no room.
with st.container(key="film-head", gap=None):
    bring_into_view("st-key-film-head", controls.key("bring"))
    asked = settings()
    answered: Answer[PlaygroundSettings, MeasuredFilms] = Answer(None)
    if asked is not None:
        known = asked
        answered = ask(EXPERIMENT, lambda: known, controls)
    result = answered.result
    film(
        result,
        temperature=controls["temperature"],
        seed=controls["seed"],
        own_points=placed_points(),
        words=words["film"],
        stale=answered.stale,
        on_new_seed=take_seed,
        on_own_points=take_points,
    )
with st.container(key="provenance"):
    answered.follow(lambda running: jobs.show_progress(running, words["stages"]))
    if result is not None and not answered.stale:
        show_provenance(result)
        st.caption(words["controls"]["seed_note"])

# -------------------------------------------------------------------------------- what to try

st.subheader(words["trying"]["heading"], anchor=False)
for number, idea in enumerate(words["tries"]):
    button, text = st.columns([3, 8], gap="medium", vertical_alignment="center")
    button.button(idea["button"], key=f"try-{number}", on_click=set_controls, args=(idea["set"],))
    text.markdown(idea["text"])

with st.expander(words["code"]["heading"], icon=":material/code:"):
    st.markdown(words["code"]["intro"])
    shown = (spirals, labels_per_class, playground)
    st.code("\n\n".join(inspect.getsource(function) for function in shown), "python")
