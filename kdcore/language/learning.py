"""Teachers and students that learn to write: the same stack and the same training as elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from kdcore.distillation import BatchTable
from kdcore.language.exact import Trie, validity
from kdcore.language.letters import LONGEST_CONTEXT, Language, Reading, one_hot
from kdcore.language.sampling import write_words
from kdcore.losses import hard_gradient, reverse_kl_gradient, soft_gradient
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.randomness import generator, in_split
from kdcore.store import BoundedStore
from kdcore.targets import logits_of
from kdcore.training import Objective, Progress, TrainingSettings, train

#: The teacher looks back ten letters, which is nearly enough to know where in a name it is.
TEACHER_HIDDEN = (64,)
#: Smaller and smaller steps: a word is spelled right if each of twenty letters is.
TEACHER_PHASES = tuple(
    TrainingSettings(samples_seen=steps * 32, batch_size=32, learning_rate=rate)
    for steps, rate in ((500, 1e-2), (300, 3e-3), (100, 1e-3))
)
#: How a student's steps are counted and how large they are.
STUDENT_BATCH, STUDENT_RATE = 32, 5e-3

#: Looks at the stack while it learns; each goes through every word of the language.
CURVE_POINTS = 8
#: And reports of how far it has come.
REPORTS = 40


@dataclass(frozen=True, eq=False)
class Writers:
    """A trained stack that writes, and what it says at each beginning of a word."""

    stack: MLPStack
    #: ``[S, C, K, symbols]``
    log_probabilities: Tensor
    #: ln p of each word, ``[S, C, words]``.
    log_words: Tensor
    #: Validity while learning, in place of accuracy.
    curve: LearningCurve


def learn(
    trie: Trie,
    stack: MLPStack,
    reading: Reading,
    objective: Objective,
    phases: Sequence[TrainingSettings],
    monitor: Monitor = SILENT,
    stage: str = "students",
) -> Writers:
    """Train a stack on what it reads and measure it on the whole language.

    Parameters
    ----------
    trie
        The words it is measured on.
    reading
        What each seed reads.
    objective
        What it learns from the reading's pool.
    phases
        One training after another, each with its own steps.
    monitor
        Hears of validity where others hear of test accuracy.
    """
    symbols = trie.language.symbols
    inputs = one_hot(reading.contexts, stack.layer_sizes[0] // symbols, symbols)
    curve = LearningCurve()
    planned, seen = sum(phase.samples_seen for phase in phases), 0
    said = log_words = torch.empty(0)

    def look(progress: Progress) -> None:
        nonlocal said, log_words
        so_far = seen + progress.samples_seen
        # The last step is the last point, so what is said there is what is said in the end.
        if so_far * CURVE_POINTS >= planned * (len(curve.accuracy) + 1):
            said = trie.log_probabilities(stack)
            log_words = trie.log_word_probabilities(said)
            curve.samples_seen.append(so_far)
            curve.accuracy.append(validity(log_words).double())
        monitor.report(stage, so_far / planned, curve)

    for phase in phases:
        train(
            stack,
            inputs,
            reading.rows,
            objective,
            phase,
            look,
            monitor.is_cancelled,
            epoch=planned // REPORTS,
        )
        seen += phase.samples_seen
    return Writers(stack, said, log_words.double(), curve)


class Directions:
    """Learn from hard labels and from a teacher whose words are matched in either direction.

        α · CE + (1 − α) · T² · (λ · KL(teacher ‖ student) + (1 − λ) · KL(student ‖ teacher))

    λ = 1 is :class:`~kdcore.distillation.Response`.

    Parameters
    ----------
    labels
        The letter that follows, for each row of the pool, ``[N]``.
    teacher_logits
        What each seed's teacher says of the pool, ``[S, N, symbols]``.
    temperatures, alphas, mixes
        T, α and λ, one for each condition.
    """

    def __init__(
        self,
        labels: Tensor,
        teacher_logits: Tensor,
        temperatures: Sequence[float],
        alphas: Sequence[float],
        mixes: Sequence[float],
    ) -> None:
        symbols = teacher_logits.shape[-1]
        self._one_hot = BatchTable(torch.nn.functional.one_hot(labels, symbols).float())
        self._teacher_logits = BatchTable(teacher_logits)
        # At one temperature for all, a teacher says the same to all of its seed's students.
        shared = temperatures[:1] if len(set(temperatures)) == 1 else temperatures
        self._temperature = torch.tensor(shared).view(1, -1, 1, 1)
        self._alpha = torch.tensor(alphas).view(1, -1, 1, 1)
        self._mix = torch.tensor(mixes).view(1, -1, 1, 1)
        # What weighs nothing in any condition is not computed.
        self._any_labels, self._any_reverse = any(alphas), min(mixes) < 1

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])  # [S, C, symbols, B]
        teacher, T = self._teacher_logits.batch(rows), self._temperature
        soft = soft_gradient(per_seed, teacher, T, class_axis=-2).mul_(self._mix)
        if self._any_reverse:
            backward = reverse_kl_gradient(per_seed, teacher, T, class_axis=-2)
            soft.add_(backward.mul_(1 - self._mix))
        gradient = soft.mul_(1 - self._alpha)
        if self._any_labels:
            hard = hard_gradient(per_seed, self._one_hot.batch(rows), class_axis=-2)
            gradient.add_(hard.mul_(self._alpha))
        return [(logits, gradient.div_(rows.shape[1]).view_as(logits))]


@lru_cache(maxsize=4)
def trie_of(language: Language) -> Trie:
    """Return the tree of a language's words; the last few are kept."""
    return Trie.of(language)


_teachers: BoundedStore[tuple[object, ...], Writers] = BoundedStore(capacity=4)


def writing_teachers(
    language: Language, seeds: tuple[int, ...], monitor: Monitor = SILENT
) -> Writers:
    """Return one teacher a seed, which has read the whole language.

    It is told the true distribution of the next letter at each beginning of a word, so that it is
    as good as its shape allows. The last few are kept.
    """
    key = (language.words, seeds)
    if (known := _teachers.get(key)) is not None:
        return known
    trie = trie_of(language)
    # Each beginning stands in the text as often as words go through it.
    rows = torch.repeat_interleave(trie.counts.sum(1).long())
    truth = logits_of(trie.truth, 1.0).float()
    reading = Reading(trie.contexts, trie.truth.argmax(1), rows.expand(len(seeds), -1))
    teachers = learn(
        trie,
        MLPStack.initialise(
            (LONGEST_CONTEXT * language.symbols, *TEACHER_HIDDEN, language.symbols), seeds
        ),
        reading,
        Directions(reading.letters, truth.expand(len(seeds), -1, -1), (1.0,), (0.0,), (1.0,)),
        TEACHER_PHASES,
        monitor,
        "teacher",
    )
    _teachers.put(key, teachers)
    return teachers


def texts_read(
    language: Language, words: int, seeds: Sequence[int], split: int = 0
) -> list[Tensor]:
    """Draw the words that each seed's students read, ``[words, longest + 1]`` symbols each.

    The same seed draws the same words, and more of them only add to them; another split draws
    others.
    """
    if not 1 <= words <= len(language.words):
        raise ValueError(f"words must be from 1 to {len(language.words)}, not {words}")
    draws = [generator(seed, in_split("words", split)) for seed in seeds]
    orders = [torch.randperm(len(language.words), generator=draw) for draw in draws]
    return [language.table([language.words[i] for i in order[:words]]) for order in orders]


def texts_written(
    teachers: Writers, language: Language, words: int, seeds: Sequence[int], split: int = 0
) -> list[Tensor]:
    """Let each seed's teacher write words for its students to read; others in another split."""
    draws = [generator(seed, in_split("teacher's words", split)) for seed in seeds]
    return list(write_words(teachers.stack, words, language.symbols, draws))


def said_of(teachers: Writers, reading: Reading, language: Language) -> Tensor:
    """Return what each seed's teacher says of each row of a pool, logits ``[S, N, symbols]``."""
    inputs = one_hot(reading.contexts, LONGEST_CONTEXT, language.symbols)
    return teachers.stack.logits(inputs)[:, 0].contiguous()


def one_condition(stack: MLPStack, condition: int) -> MLPStack:
    """Return a stack with a copy of the networks of one condition, one a seed."""
    return MLPStack(
        stack.layer_sizes,
        stack.seeds,
        1,
        [weight[condition :: stack.conditions].clone() for weight in stack.weights],
        [bias[condition :: stack.conditions].clone() for bias in stack.biases],
    )


def each_alone(stack: MLPStack) -> MLPStack:
    """Return a stack in which each network is the only condition of a seed of its own."""
    seeds = tuple(seed for seed in stack.seeds for _ in range(stack.conditions))
    return MLPStack(stack.layer_sizes, seeds, 1, stack.weights, stack.biases)


def in_conditions(stack: MLPStack, conditions: int) -> MLPStack:
    """Return a stack in which each network of one condition stands in several."""
    return MLPStack(
        stack.layer_sizes,
        stack.seeds,
        conditions,
        [weight.repeat_interleave(conditions, 0) for weight in stack.weights],
        [bias.repeat_interleave(conditions, 0) for bias in stack.biases],
    )
