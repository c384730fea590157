"""Today 4: does a teacher help to learn a language from few words?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from kdcore.claims import Claim, Judgement, from_verdict
from kdcore.distillation import HardLabels, Response
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    measured_curve,
)
from kdcore.language.learning import (
    STUDENT_BATCH,
    STUDENT_RATE,
    Writers,
    learn,
    one_condition,
    said_of,
    texts_read,
    texts_written,
    trie_of,
    writing_teachers,
)
from kdcore.language.letters import Language, Reading
from kdcore.language.measures import WordMeasures, gain_columns, mean_columns
from kdcore.language.sampling import write_words
from kdcore.language.settings import WORDS, WritingSettings
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.randomness import generator
from kdcore.settings import STUDENT_HIDDEN, TEMPERATURE, setting
from kdcore.statistics import Interval, mean_interval
from kdcore.training import TrainingSettings

#: Rows of the table; *hard* is the baseline.
TAUGHT_BY = ("hard", "soft", "sequence")
#: Words that a teacher writes for the student that learns from its answers alone.
ANSWERS = 400
#: Words of each student, to be read.
SHOWN = 24


@dataclass(frozen=True, kw_only=True)
class WordsSettings(WritingSettings):
    """What is compared: students that read few words, with their teacher and without it."""

    words: int = setting(WORDS)
    temperature: float = setting(TEMPERATURE, 2.0)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)

    def work(self) -> float:
        return self.teachers_work() + self.student_work(self.student_hidden, len(TAUGHT_BY))

    @property
    def own_bytes(self) -> int:
        """Measured: what is computed of all whole words, exactly."""
        return int(4.5 * 2**20)


@dataclass(frozen=True, eq=False)
class Speakers:
    """The networks of the first seed, to be listened to: the teacher and its students."""

    language: Language
    #: The words that its students have read.
    read: tuple[str, ...]
    #: One network each, by ``"teacher"`` and the names of the rows.
    networks: dict[str, MLPStack]
    #: Words that each has written.
    written: dict[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False, kw_only=True)
class WordsMeasured(Measured):
    """The table, every figure seed by seed, and the networks of the first seed."""

    measures: WordMeasures
    teacher_validity: Interval
    speakers: Speakers


def words(settings: WordsSettings, monitor: Monitor = SILENT) -> WordsMeasured:
    """Let students learn to write from few words: by hard labels, soft labels, and answers.

    The teacher has read the whole language and looks back ten letters. Its students look back
    fewer. On *hard labels* a student reads a few words and learns which letter came next. With
    *soft labels* it reads the same words and learns what the teacher says of every next letter.
    *Sequence-level*, it reads words that the teacher has written, and nothing else.

    All three start from the same weights and take the same number of steps.

    Notes
    -----
    Kim, Rush (2016), *Sequence-level knowledge distillation*, compare word-level distillation
    (section 3.1) with training on the teacher's own output (section 3.2).
    """
    language, seeds = settings.language, settings.seed_numbers
    trie = trie_of(language)
    teachers = writing_teachers(language, seeds, Part(monitor, 0, 0.4))
    phases = [TrainingSettings(settings.student_samples, STUDENT_BATCH, STUDENT_RATE)]
    sizes = (settings.context * language.symbols, *settings.student_hidden, language.symbols)

    texts = texts_read(language, settings.words_read(settings.words), seeds, settings.split)
    reading = Reading.of(texts, phases[0].samples_seen)
    word_level = learn(
        trie,
        MLPStack.initialise(sizes, seeds, 2),
        reading,
        Response(
            reading.letters,
            said_of(teachers, reading, language),
            (1.0, settings.temperature),
            (1.0, 0.0),
        ),
        phases,
        Part(monitor, 0.4, 0.75),
    )
    written = texts_written(teachers, language, ANSWERS, seeds, settings.split)
    answers = Reading.of(written, phases[0].samples_seen)
    sequence_level = learn(
        trie,
        MLPStack.initialise(sizes, seeds),
        answers,
        HardLabels(answers.letters, language.symbols),
        phases,
        Part(monitor, 0.75, 1),
    )

    measures = WordMeasures.of(word_level, teachers, trie).beside(
        WordMeasures.of(sequence_level, teachers, trie)
    )
    curves = [measured_curve(word_level.curve, 0), measured_curve(word_level.curve, 1)]
    return WordsMeasured(
        _rows(measures),
        measures.validity,
        [*curves, measured_curve(sequence_level.curve, 0)],
        measures=measures,
        teacher_validity=mean_interval(WordMeasures.of(teachers, teachers, trie).validity[:, 0]),
        speakers=_speakers(language, texts[0], teachers, word_level, sequence_level),
    )


def _rows(measures: WordMeasures) -> list[Row]:
    """Return the table: each figure, and what is gained over hard labels.

    A gain in KL is how much nearer the student is to the truth. What other experiments call
    accuracy is validity here.
    """
    nearer = gain_columns("kl", -measures.kl_to_truth)
    spelling = gain_columns("validity", measures.validity)
    return [
        {
            "taught_by": name,
            **mean_columns("kl_to_truth", measures.kl_to_truth[:, i]),
            **mean_columns("validity", measures.validity[:, i]),
            **mean_columns("acceptance", measures.acceptance[:, i]),
            **mean_columns("effective_words", measures.effective_words[:, i]),
            **nearer[i],
            **spelling[i],
            **accuracy_columns(
                measures.validity[:, i], None if i == 0 else measures.validity[:, 0]
            ),
        }
        for i, name in enumerate(TAUGHT_BY)
    ]


def _speakers(
    language: Language, read: Tensor, teachers: Writers, word_level: Writers, sequence: Writers
) -> Speakers:
    stacks = (
        ("teacher", teachers.stack, 0),
        ("hard", word_level.stack, 0),
        ("soft", word_level.stack, 1),
        ("sequence", sequence.stack, 0),
    )
    networks = {
        name: one_condition(stack, condition).network(0) for name, stack, condition in stacks
    }
    seed = teachers.stack.seeds[0]
    written = {
        name: tuple(
            language.decode(word)
            for word in write_words(
                network, SHOWN, language.symbols, [generator(seed, "words to be read")]
            )[0].tolist()
        )
        for name, network in networks.items()
    }
    return Speakers(language, tuple(map(language.decode, read.tolist())), networks, written)


# --------------------------------------------------------------------------- what a run says


def learns_the_language(result: AnyResult) -> Judgement:
    """From few words, soft labels teach more of the language than hard ones.

    By KL to the truth in nats a word, soft against hard labels, paired over seeds; the verdict is
    the table's.
    """
    soft = result.rows[TAUGHT_BY.index("soft")]
    gain = result.interval(soft, "kl_gain")
    said = _said(result, "kl_to_truth")
    return Judgement(from_verdict(soft["kl_verdict"]), gain, said, unit="number")


def spells_better(result: AnyResult) -> Judgement:
    """A student taught by soft labels writes more valid words than one taught by hard ones.

    The verdict is the table's.
    """
    soft = result.rows[TAUGHT_BY.index("soft")]
    gain = result.interval(soft, "validity_gain")
    return Judgement(from_verdict(soft["validity_verdict"]), gain, _said(result, "validity", 100))


WordsPattern = Literal["both", "nearer", "spelling", "neither"]


def words_pattern(result: AnyResult) -> WordsPattern:
    """Say what soft labels did: nearer to the language, better at spelling, both or neither."""
    soft = result.rows[TAUGHT_BY.index("soft")]
    nearer, spelling = soft["kl_verdict"] == "helps", soft["validity_verdict"] == "helps"
    if nearer and spelling:
        return "both"
    return "nearer" if nearer else "spelling" if spelling else "neither"


def _said(result: AnyResult, column: str, factor: float = 1) -> dict[str, str]:
    digits = 1 if factor == 100 else 2
    return {row["taught_by"]: f"{factor * row[column]:.{digits}f}" for row in result.rows} | {
        "words": str(result.settings.words_read(result.settings.words))
    }


EXPERIMENT = Experiment(
    "words",
    WordsSettings,
    words,
    page="language",
    named_by=("taught_by",),
    claims=(Claim("words", learns_the_language), Claim("spelling", spells_better)),
    data="words",
)
