"""Today 4: is a distilled student the better draft?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.claims import Claim, Judgement, from_verdict
from kdcore.experiments.directions import MIX
from kdcore.experiments.result import AnyResult, Experiment, Measured, Row, accuracy_columns
from kdcore.language.exact import validity
from kdcore.language.learning import (
    STUDENT_BATCH,
    STUDENT_RATE,
    Directions,
    each_alone,
    in_conditions,
    learn,
    said_of,
    texts_read,
    trie_of,
    writing_teachers,
)
from kdcore.language.letters import Language, Reading
from kdcore.language.measures import gain_columns, mean_columns
from kdcore.language.settings import WORDS, WritingSettings
from kdcore.language.speculative import Speculation, speculate, tokens_per_call
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.randomness import generator
from kdcore.settings import STUDENT_HIDDEN, TEMPERATURE, Number, Steps, setting
from kdcore.statistics import Interval, mean_interval
from kdcore.training import TrainingSettings

#: Rows of the table; *hard* is the baseline.
DRAFTS = ("hard", "soft")
#: Calls of the teacher in each of a seed's texts, and how many texts.
CALLS, TEXTS = 100, 16

DRAFT_LENGTH = Number("draft_length", 1, 12, 4, Steps(1, 8, 1), whole=True)


@dataclass(frozen=True, kw_only=True)
class SpeculativeSettings(WritingSettings):
    """What is compared: drafts that learned from words alone, and from a teacher."""

    words: int = setting(WORDS, 20)
    draft_length: int = setting(DRAFT_LENGTH)
    temperature: float = setting(TEMPERATURE, 2.0)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    #: Direction of the draft's lessons: 1 is forward KL, 0 reverse KL.
    mix: float = setting(MIX)

    def work(self) -> float:
        checking = 14_000.0 * self.seeds * len(DRAFTS) * CALLS * TEXTS * (self.draft_length + 1)
        students = self.student_work(self.student_hidden, len(DRAFTS))
        return self.teachers_work() + students + checking

    @property
    def own_bytes(self) -> int:
        """Measured: what is computed of all whole words, and the texts."""
        return 4 * 2**20


@dataclass(frozen=True, eq=False, kw_only=True)
class SpeculativeMeasured(Measured):
    """The table, its figures seed by seed, and one text of each draft as it was written."""

    #: Letters written for each call of the teacher, ``[S, drafts]``: measured, and by formula.
    tokens_per_call: Tensor
    by_formula: Tensor
    #: How many of the teacher's own words are valid: exact, not sampled.
    teacher_validity: Interval
    #: What the first seed wrote: its first text alone, for each draft.
    shown: list[Speculation]
    language: Language


def speculative(settings: SpeculativeSettings, monitor: Monitor = SILENT) -> SpeculativeMeasured:
    """Let two students draft for the same teacher, and count what each of its calls yields.

    Both have read the same few words. One knows them by hard labels, the other by what the teacher
    says of them. The teacher accepts or replaces what they draft so that the text stays its own,
    whoever drafts.

    Notes
    -----
    Leviathan, Kalman, Matias (2023), *Fast inference from transformers via speculative decoding*.
    Zhou et al. (2024), *DistillSpec: improving speculative decoding via knowledge distillation*.
    """
    language, seeds = settings.language, settings.seed_numbers
    trie, length = trie_of(language), settings.draft_length
    teachers = writing_teachers(language, seeds, Part(monitor, 0, 0.4))
    training = TrainingSettings(settings.student_samples, STUDENT_BATCH, STUDENT_RATE)
    texts = texts_read(language, settings.words_read(settings.words), seeds, settings.split)
    reading = Reading.of(texts, training.samples_seen)
    sizes = (settings.context * language.symbols, *settings.student_hidden, language.symbols)
    students = learn(
        trie,
        MLPStack.initialise(sizes, seeds, len(DRAFTS)),
        reading,
        Directions(
            reading.letters,
            said_of(teachers, reading, language),
            (1.0, settings.temperature),
            (1.0, 0.0),
            (1.0, settings.mix),
        ),
        [training],
        Part(monitor, 0.4, 0.9),
    )
    # Both drafts write side by side, each with the same chance.
    both = speculate(
        each_alone(in_conditions(teachers.stack, len(DRAFTS))),
        each_alone(students.stack),
        language.symbols,
        length,
        CALLS,
        TEXTS,
        [generator(seed, "speculative text") for seed in seeds for _ in DRAFTS],
    )
    runs = [both.every(len(DRAFTS), draft) for draft in range(len(DRAFTS))]
    acceptance = torch.stack([run.acceptance for run in runs], dim=1)
    measured = torch.stack([run.tokens_per_call for run in runs], dim=1)
    by_formula = acceptance.clone().apply_(lambda rate: tokens_per_call(rate, length))
    valid = torch.stack([_text_validity(run, language, len(seeds)) for run in runs], dim=1)
    gains = gain_columns("tokens", measured)
    rows: list[Row] = [
        {
            "draft": name,
            **mean_columns("acceptance", acceptance[:, i]),
            **mean_columns("tokens_per_call", measured[:, i]),
            **mean_columns("tokens_per_call_formula", by_formula[:, i]),
            **mean_columns("text_validity", valid[:, i]),
            **gains[i],
            **accuracy_columns(acceptance[:, i], None if i == 0 else acceptance[:, 0]),
        }
        for i, name in enumerate(DRAFTS)
    ]
    return SpeculativeMeasured(
        rows,
        acceptance,
        tokens_per_call=measured,
        by_formula=by_formula,
        teacher_validity=mean_interval(validity(teachers.log_words)[:, 0]),
        shown=[run.first() for run in runs],
        language=language,
    )


def _text_validity(run: Speculation, language: Language, seeds: int) -> Tensor:
    """Return how many of the words that a seed has written are words, ``[S]``."""
    known = {tuple(language.encode(word)) for word in language.words}
    shares = []
    for seed in range(seeds):
        written = run.words(seed)
        shares.append(sum(word in known for word in written) / max(1, len(written)))
    return torch.tensor(shares, dtype=torch.float64)


# --------------------------------------------------------------------------- what a run says


def better_draft(result: AnyResult) -> Judgement:
    """A distilled draft lets the teacher write more letters a call than one on hard labels.

    The verdict is the table's.
    """
    hard, soft = result.rows
    gain = result.interval(soft, "tokens_gain")
    return Judgement(
        from_verdict(soft["tokens_verdict"]),
        gain,
        {
            "more": gain.signed(2),
            "hard": f"{hard['tokens_per_call']:.2f}",
            "soft": f"{soft['tokens_per_call']:.2f}",
            "hard_accepted": f"{100 * hard['acceptance']:.1f}",
            "soft_accepted": f"{100 * soft['acceptance']:.1f}",
        },
        unit="number",
    )


EXPERIMENT = Experiment(
    "speculative",
    SpeculativeSettings,
    speculative,
    page="language",
    over_hard_labels=False,
    named_by=("draft",),
    claims=(Claim("speculative", better_draft),),
    data="words",
)
