"""Today 3: forward or reverse KL, for a student that cannot be all that its teacher is?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kdcore.claims import Claim, ClaimVerdict, Judgement, from_verdict
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    measured_curve,
)
from kdcore.language.exact import effective_words, validity
from kdcore.language.learning import (
    STUDENT_BATCH,
    STUDENT_RATE,
    Directions,
    in_conditions,
    learn,
    one_condition,
    said_of,
    texts_written,
    trie_of,
    writing_teachers,
)
from kdcore.language.letters import Language, Reading
from kdcore.language.measures import WordMeasures, gain_columns, mean_columns
from kdcore.language.sampling import write_words
from kdcore.language.settings import CONTEXT, WritingSettings
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.randomness import generator
from kdcore.settings import STUDENT_HIDDEN, STUDENT_SAMPLES, List, Number, Steps, setting
from kdcore.statistics import paired_difference, verdict
from kdcore.training import TrainingSettings

#: Words that a teacher writes for its students.
ANSWERS = 400
#: How much of its training each student first follows forward KL alone. Without it reverse KL
#: settles on the few words that the untrained student happens to write.
WARM_UP = 0.4
#: Steps are smaller once the direction is chosen.
SETTLING_RATE = 3e-3
#: At these temperatures the student of forward KL alone is also let write, as a control.
COOLER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
#: Words of each student, to be read.
SHOWN = 24

MIX = Number("mix", 0, 1, 1.0, Steps(0.0, 1.0, 0.25))
MIXES = List("mixes", MIX, (1.0, 0.75, 0.5, 0.25, 0.0), longest=12)


@dataclass(frozen=True, kw_only=True)
class DirectionsSettings(WritingSettings):
    """What is compared: students that match their teacher in one direction or the other."""

    mixes: tuple[float, ...] = setting(MIXES)
    #: Three letters are not enough to know where in a number's name one is.
    context: int = setting(CONTEXT, 3)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    student_samples: int = setting(STUDENT_SAMPLES, 1000 * 32, offered=(8_000, 32_000, 96_000))

    def work(self) -> float:
        return self.teachers_work() + self.student_work(self.student_hidden, len(self.mixes))

    @property
    def own_bytes(self) -> int:
        """Measured: what is computed of all whole words, exactly."""
        return 4 * 2**20


@dataclass(frozen=True, eq=False, kw_only=True)
class DirectionsMeasured(Measured):
    """The table, every figure seed by seed, the control, and words to be read."""

    measures: WordMeasures
    #: The student with the most forward KL, sampled at lower and lower temperatures.
    cooled: list[Row]
    #: Its validity at each of these temperatures, seed by seed, ``[S, temperatures]``.
    cooled_validity: Tensor
    #: Words that the first seed's teacher has written, and its student of each row.
    teacher_words: tuple[str, ...]
    written: list[tuple[str, ...]]
    language: Language


def directions(settings: DirectionsSettings, monitor: Monitor = SILENT) -> DirectionsMeasured:
    """Let a student with a short memory match its teacher by a mixture of both KLs.

        λ · KL(teacher ‖ student) + (1 − λ) · KL(student ‖ teacher)

    Both at T = 1, letter by letter, on words that the teacher has written. First all students are
    the same one and follow forward KL; then each goes its own way.

    The student sees the last few letters only. Where these are too few to spell every word right
    *and* write all of them, forward KL punishes what it leaves out, reverse KL what it adds.

    Notes
    -----
    Gu et al. (2024), *MiniLLM: knowledge distillation of large language models*. Agarwal et al.
    (2024), *On-policy distillation of language models*, compare both directions and what lies
    between them, as diversity against quality (section 4, figure on temperature).
    """
    language, seeds, mixes = settings.language, settings.seed_numbers, settings.mixes
    trie = trie_of(language)
    teachers = writing_teachers(language, seeds, Part(monitor, 0, 0.4))
    warm_up = TrainingSettings(
        round(WARM_UP * settings.student_samples), STUDENT_BATCH, STUDENT_RATE
    )
    settling = TrainingSettings(
        settings.student_samples - warm_up.samples_seen, STUDENT_BATCH, SETTLING_RATE
    )
    sizes = (settings.context * language.symbols, *settings.student_hidden, language.symbols)
    texts = texts_written(teachers, language, ANSWERS, seeds, settings.split)
    reading = Reading.of(texts, settling.samples_seen)
    said = said_of(teachers, reading, language)

    def towards(mixes: tuple[float, ...]) -> Directions:
        count = len(mixes)
        return Directions(reading.letters, said, (1.0,) * count, (0.0,) * count, mixes)

    beginner = MLPStack.initialise(sizes, seeds)
    learn(trie, beginner, reading, towards((1.0,)), [warm_up], Part(monitor, 0.4, 0.55))
    students = learn(
        trie,
        in_conditions(beginner, len(mixes)),
        reading,
        towards(mixes),
        [settling],
        Part(monitor, 0.55, 1),
    )
    measures = WordMeasures.of(students, teachers, trie)
    forward = one_condition(students.stack, most_forward(mixes))
    cooled = [
        trie.log_word_probabilities(trie.log_probabilities(forward, value)).double()[:, 0]
        for value in COOLER
    ]
    return DirectionsMeasured(
        _rows(mixes, measures),
        measures.validity,
        [measured_curve(students.curve, condition) for condition in range(len(mixes))],
        measures=measures,
        cooled=[
            {
                "temperature": value,
                **mean_columns("validity", validity(log_words)),
                **mean_columns("effective_words", effective_words(log_words)),
            }
            for value, log_words in zip(COOLER, cooled, strict=True)
        ],
        cooled_validity=torch.stack([validity(log_words) for log_words in cooled], dim=1),
        teacher_words=tuple(map(language.decode, texts[0][:SHOWN].tolist())),
        written=[_words(students.stack, i, language) for i in range(len(mixes))],
        language=language,
    )


def most_forward(mixes: tuple[float, ...]) -> int:
    """Return the row with the most forward KL: the baseline."""
    return mixes.index(max(mixes))


def most_reverse(mixes: tuple[float, ...]) -> int:
    """Return the row with the most reverse KL."""
    return mixes.index(min(mixes))


def _rows(mixes: tuple[float, ...], measures: WordMeasures) -> list[Row]:
    baseline = most_forward(mixes)
    spelling = gain_columns("validity", measures.validity, baseline)
    variety = gain_columns("words", measures.effective_words, baseline)
    return [
        {
            "mix": mix,
            **mean_columns("validity", measures.validity[:, i]),
            **mean_columns("effective_words", measures.effective_words[:, i]),
            **mean_columns("distinct", measures.distinct[:, i]),
            **mean_columns("kl_to_truth", measures.kl_to_truth[:, i]),
            **spelling[i],
            **variety[i],
            **accuracy_columns(
                measures.validity[:, i],
                None if i == baseline else measures.validity[:, baseline],
            ),
        }
        for i, mix in enumerate(mixes)
    ]


def _words(students: MLPStack, condition: int, language: Language) -> tuple[str, ...]:
    student = one_condition(students, condition).network(0)
    draws = [generator(students.seeds[0], "words to be read")]
    written = write_words(student, SHOWN, language.symbols, draws)
    return tuple(map(language.decode, written[0].tolist()))


# --------------------------------------------------------------------------- what a run says


DirectionsPattern = Literal["trade", "free", "alike", "forward"]


def directions_pattern(result: AnyResult) -> DirectionsPattern:
    """Say what the most reverse KL did: more valid words for fewer, for nothing, no more, less."""
    row = result.rows[most_reverse(result.settings.mixes)]
    if row["validity_verdict"] == "helps":
        return "trade" if row["words_verdict"] == "hurts" else "free"
    return "forward" if row["validity_verdict"] == "hurts" else "alike"


def validity_for_variety(result: AnyResult) -> Judgement:
    """Reverse KL buys validity with variety: more of its words are valid, and they are fewer.

    Supported if the student with the most reverse KL writes clearly more valid words, and clearly
    fewer different ones, than the student with the most forward KL; contradicted if one of both
    is clearly the other way round. Both verdicts are the table's. The figure is the difference in
    validity.
    """
    mixes, measures, rows = result.settings.mixes, result.measured.measures, result.rows
    forward, reverse = most_forward(mixes), most_reverse(mixes)
    valid = paired_difference(measures.validity[:, reverse], measures.validity[:, forward])
    words = paired_difference(
        measures.effective_words[:, reverse], measures.effective_words[:, forward]
    )
    said = rows[reverse]["validity_verdict"], rows[reverse]["words_verdict"]
    outcome: ClaimVerdict = "undecided"
    if said[0] == "hurts" or said[1] == "helps":
        outcome = "contradicted"
    elif said == ("helps", "hurts"):
        outcome = "supported"
    return Judgement(
        outcome,
        valid,
        {
            "forward": f"{mixes[forward]:g}",
            "reverse": f"{mixes[reverse]:g}",
            "forward_words": f"{rows[forward]['effective_words']:.1f}",
            "reverse_words": f"{rows[reverse]['effective_words']:.1f}",
            "words": words.signed(1),
        },
    )


def cooling_does_it(result: AnyResult) -> Judgement:
    """The forward student needs only a lower temperature to spell as well as the reverse one.

    Its best temperature, chosen with hindsight, against the student with the most reverse KL.
    Contradicted if even so it writes clearly fewer valid words.
    """
    measured, mixes = result.measured, result.settings.mixes
    best = int(measured.cooled_validity.mean(0).argmax())
    reverse = most_reverse(mixes)
    gain = paired_difference(
        measured.cooled_validity[:, best], measured.measures.validity[:, reverse]
    )
    return Judgement(
        from_verdict(verdict(gain)),
        gain,
        {
            "temperature": f"{COOLER[best]:g}",
            "cooled": f"{100 * measured.cooled[best]['validity']:.1f}",
            "cooled_words": f"{measured.cooled[best]['effective_words']:.0f}",
            "reverse": f"{mixes[reverse]:g}",
            "reverse_validity": f"{100 * result.rows[reverse]['validity']:.1f}",
            "reverse_words": f"{result.rows[reverse]['effective_words']:.0f}",
        },
    )


EXPERIMENT = Experiment(
    "directions",
    DirectionsSettings,
    directions,
    page="directions",
    over_hard_labels=False,
    named_by=("mix",),
    claims=(Claim("directions", validity_for_variety), Claim("cooling", cooling_does_it)),
    data="words",
)
