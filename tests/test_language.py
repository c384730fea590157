"""A little language: its words, their exact probabilities, sampling and speculative decoding."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from kdcore.language.exact import (
    Trie,
    acceptance_rate,
    distinct_words,
    effective_words,
    kl_to_truth,
    validity,
)
from kdcore.language.learning import (
    Directions,
    each_alone,
    in_conditions,
    learn,
    one_condition,
    texts_read,
)
from kdcore.language.letters import (
    END,
    LONGEST_CONTEXT,
    Language,
    Reading,
    context_of,
    number_language,
    one_hot,
    positions_of,
    shift,
)
from kdcore.language.names import number_name, number_names
from kdcore.language.sampling import next_letter, pick, write_words
from kdcore.language.speculative import (
    accepted_with,
    residual,
    speculate,
    tokens_per_call,
)
from kdcore.models import MLPStack
from kdcore.monitor import LearningCurve, Monitor
from kdcore.training import TrainingSettings

SMALL = Language(("a", "ab", "abba", "ba", "bab"))


def draws(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def stack_of(
    language: Language, seen: int, seeds: int = 2, conditions: int = 2, scale: float = 3.0
) -> MLPStack:
    """Return untrained networks that are sure of something, each condition of something else."""
    stack = MLPStack.initialise(
        (seen * language.symbols, 8, language.symbols),
        tuple(range(seeds)),
        conditions,
        peers=range(conditions),
    )
    stack.weights[-1] *= scale
    return stack


def brute_force(stack: MLPStack, language: Language, symbols: tuple[int, ...]) -> Tensor:
    """Return the probability of a sequence of symbols by asking for one after another, [S, C]."""
    seen = stack.layer_sizes[0] // language.symbols
    probability = torch.ones(len(stack.seeds), stack.conditions, dtype=torch.float64)
    for i, symbol in enumerate(symbols):
        context = torch.tensor([context_of(symbols[:i])])
        logits = stack.logits(one_hot(context, seen, language.symbols)).double()
        probability *= torch.softmax(logits, -1)[..., 0, symbol]
    return probability


# ------------------------------------------------------------------------------------- the words


def test_the_number_names_are_those_of_english() -> None:
    assert number_name(7) == "seven"
    assert number_name(40) == "forty"
    assert number_name(85) == "eighty-five"
    assert number_name(300) == "three hundred"
    assert number_name(312) == "three hundred twelve"
    assert number_name(999) == "nine hundred ninety-nine"
    assert len(set(number_names())) == 999
    assert number_language().symbols == 20
    for number in (0, 1000):
        with pytest.raises(ValueError, match="from 1 to 999"):
            number_name(number)


def test_a_language_refuses_what_it_cannot_hold() -> None:
    for words, message in (
        (("one",), "2 to 1000 words"),
        (("one", "one"), "once"),
        (("one", ""), "1 to 30 letters"),
        (("one", "o" * 31), "1 to 30 letters"),
        (tuple(chr(1000 + i) for i in range(41)), "40 different letters"),
    ):
        with pytest.raises(ValueError, match=message):
            Language(words)
    with pytest.raises(ValueError, match="'z'"):
        SMALL.encode("z")


def test_a_word_comes_back_from_its_symbols() -> None:
    for word in number_names()[::37]:
        assert number_language().decode([*number_language().encode(word), END, 3]) == word


def test_positions_are_each_letter_behind_what_stands_before_it() -> None:
    positions = positions_of(SMALL.table(["ab", "a"])).tolist()
    a, b = SMALL.encode("ab")
    assert [(p[-4:-1], p[-1]) for p in positions] == [
        ([END, END, END], a),
        ([END, END, a], b),
        ([END, a, b], END),
        ([END, END, END], a),
        ([END, END, a], END),
    ]


def test_what_is_read_is_the_text_again_and_again_and_each_place_of_the_pool_once() -> None:
    texts = [SMALL.table(["ab", "a"]), SMALL.table(["abba"])]
    reading = Reading.of(texts, 12)
    for text, rows in zip(texts, reading.rows, strict=True):
        positions = positions_of(text)
        pool = torch.cat([reading.contexts, reading.letters.unsqueeze(1)], 1)
        assert torch.equal(pool[rows], positions[torch.arange(12) % len(positions)])
        assert len(pool.unique(dim=0)) == len(pool)


def test_a_new_word_forgets_the_one_before() -> None:
    context = torch.tensor(context_of(SMALL.encode("abb")))
    a = SMALL.encode("a")[0]
    assert shift(context, torch.tensor(a)).tolist() == context_of(SMALL.encode("abba"))
    assert shift(context, torch.tensor(END)).tolist() == [END] * LONGEST_CONTEXT


def test_more_words_to_read_only_add_to_them() -> None:
    few, many = (texts_read(SMALL, words, (0, 1)) for words in (2, 4))
    for less, more in zip(few, many, strict=True):
        assert torch.equal(more[:2, : less.shape[1]], less)


# --------------------------------------------------------------------------- exact probabilities


@pytest.mark.parametrize("seen", [1, 2, 10])
def test_the_tree_gives_each_word_the_probability_of_brute_force(seen: int) -> None:
    stack, trie = stack_of(SMALL, seen), Trie.of(SMALL)
    measured = trie.log_word_probabilities(trie.log_probabilities(stack)).exp().double()
    for place, word in enumerate(SMALL.words):
        expected = brute_force(stack, SMALL, (*SMALL.encode(word), END))
        assert torch.allclose(measured[..., place], expected, rtol=1e-4)


def test_the_tree_of_the_number_names_gives_what_brute_force_gives() -> None:
    language = number_language()
    stack, trie = stack_of(language, 6, scale=1.0), Trie.of(language)
    measured = trie.log_word_probabilities(trie.log_probabilities(stack)).double()
    for number in (1, 20, 512, 777):
        word = number_name(number)
        expected = brute_force(stack, language, (*language.encode(word), END)).log()
        assert torch.allclose(measured[..., number - 1], expected, rtol=1e-4)


def test_valid_and_invalid_words_together_have_probability_one() -> None:
    """Enumerate every sequence of up to seven letters, and what has not ended by then."""
    stack, trie = stack_of(SMALL, 2, scale=1.0), Trie.of(SMALL)
    valid, ended, unended = torch.zeros(3, 2, 2, dtype=torch.float64)
    for length in range(8):
        for letters in itertools.product(range(1, SMALL.symbols), repeat=length):
            probability = brute_force(stack, SMALL, (*letters, END))
            ended += probability
            if SMALL.decode(letters) in SMALL.words:
                valid += probability
            if length == 7:
                unended += brute_force(stack, SMALL, letters) - probability
    assert torch.allclose(ended + unended, torch.ones(2, 2).double(), atol=1e-5)
    measured = validity(trie.log_word_probabilities(trie.log_probabilities(stack)))
    assert torch.allclose(measured.double(), valid, atol=1e-5)


def test_the_truth_of_the_tree_is_the_language() -> None:
    trie = Trie.of(number_language())
    log_words = trie.log_word_probabilities(trie.truth.log())
    assert torch.allclose(log_words, torch.full((999,), -math.log(999)).double())
    assert validity(log_words).item() == pytest.approx(1)
    assert kl_to_truth(log_words).item() == pytest.approx(0, abs=1e-9)
    assert effective_words(log_words).item() == pytest.approx(999)
    assert trie.visits.sum().item() == pytest.approx(1)


def test_the_measures_of_words_hold_their_equations() -> None:
    p = np.array([0.4, 0.2, 0.1, 0.05, 0.05])  # 0.2 goes to invalid words
    log_words = torch.tensor(p).log()
    assert validity(log_words).item() == pytest.approx(0.8)
    assert kl_to_truth(log_words).item() == pytest.approx((0.2 * np.log(0.2 / p)).sum())
    valid = p / 0.8
    assert effective_words(log_words).item() == pytest.approx(
        np.exp(-(valid * np.log(valid)).sum())
    )
    draw = np.random.default_rng(0)
    drawn = draw.choice(6, size=(4000, 100), p=[*p, 0.2])
    seen = np.mean([len(set(words) - {5}) for words in drawn])
    assert distinct_words(log_words).item() == pytest.approx(seen, abs=0.03)


def test_acceptance_is_what_both_have_in_common() -> None:
    teacher = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    draft = torch.tensor([[0.25, 0.25, 0.5], [0.9, 0.1, 0.0]])
    rate = acceptance_rate(teacher.log(), draft.log(), torch.tensor([0.75, 0.25]))
    assert rate.item() == pytest.approx(0.75 * 0.5 + 0.25 * 0.9)


# -------------------------------------------------------------------------------------- learning


def test_copies_of_a_condition_are_the_same_networks() -> None:
    stack = stack_of(SMALL, 2, seeds=2, conditions=3)
    inputs = torch.randn(4, 2 * SMALL.symbols, generator=draws(0)[0])
    said = stack.logits(inputs)
    for condition in range(3):
        one = one_condition(stack, condition)
        assert torch.allclose(one.logits(inputs)[:, 0], said[:, condition], atol=1e-6)
        many = in_conditions(one, 2).logits(inputs)
        assert torch.allclose(many[:, 0], said[:, condition], atol=1e-6)
        assert torch.allclose(many[:, 1], said[:, condition], atol=1e-6)


def test_what_reads_the_whole_language_learns_to_spell_it() -> None:
    trie = Trie.of(SMALL)
    reading = Reading.of([SMALL.table(SMALL.words)], 300 * 32)
    stack = MLPStack.initialise((4 * SMALL.symbols, 16, SMALL.symbols), (0,))
    teacher = torch.zeros(1, len(reading.letters), SMALL.symbols)
    untaught = validity(trie.log_word_probabilities(trie.log_probabilities(stack))).item()
    hard = Directions(reading.letters, teacher, (1.0,), (1.0,), (1.0,))
    writers = learn(trie, stack, reading, hard, [TrainingSettings(300 * 32, 32, 1e-2)])
    assert untaught < 0.5
    assert validity(writers.log_words).item() > 0.97
    assert kl_to_truth(writers.log_words).item() < 0.1


def pull_of(conditions: list[tuple[float, float, float]]) -> Tensor:
    """Return how each condition of (T, α, λ) is pulled on one batch, ``[S, C, symbols, B]``."""
    draw = draws(0)[0]
    rows, C = torch.arange(16).expand(2, -1), len(conditions)
    labels = torch.randint(SMALL.symbols, (16,), generator=draw)
    teacher = torch.randn(2, 16, SMALL.symbols, generator=draw)
    own = torch.randn(2, 1, SMALL.symbols, 16, generator=draw).expand(-1, C, -1, -1)
    logits = own.reshape(2 * C, SMALL.symbols, 16)
    ((_, pull),) = Directions(labels, teacher, *zip(*conditions, strict=True))([logits], rows)
    return pull.view(2, C, SMALL.symbols, 16)


def test_a_condition_is_pulled_alike_whatever_weighs_in_those_beside_it() -> None:
    conditions = [
        (1.0, 1.0, 1.0),
        (2.0, 0.0, 1.0),
        (1.0, 0.0, 0.0),
        (1.0, 0.0, 1.0),
        (2.0, 0.5, 0.3),
    ]
    together = pull_of(conditions)
    for place, condition in enumerate(conditions):
        assert torch.equal(pull_of([condition])[:, 0], together[:, place]), condition
    apart = (together[:, :, None] - together[:, None]).abs().amax((0, 3, 4))
    assert (apart + torch.eye(len(conditions)) > 1e-3).all(), "the conditions are too much alike"
    hard, forward, reverse = pull_of([(2.0, 1.0, 1.0), (2.0, 0.0, 1.0), (2.0, 0.0, 0.0)]).unbind(1)
    assert torch.allclose(together[:, -1], 0.5 * hard + 0.5 * (0.3 * forward + 0.7 * reverse))
    assert reverse.abs().max() > 1e-3


class Listener(Monitor):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.fractions: list[float] = []

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.fractions.append(fraction)


def test_learning_tells_how_far_it_has_come_whatever_the_length_of_the_text() -> None:
    trie, listener = Trie.of(SMALL), Listener()
    reading = Reading.of([SMALL.table(["ab"])], 2 * 1600)
    stack = MLPStack.initialise((SMALL.symbols, 4, SMALL.symbols), (0,))
    teacher = torch.zeros(1, len(reading.letters), SMALL.symbols)
    hard = Directions(reading.letters, teacher, (1.0,), (1.0,), (1.0,))
    phases = [TrainingSettings(1600, 32, 1e-2)] * 2
    writers = learn(trie, stack, reading, hard, phases, listener)
    assert len(listener.fractions) > 20
    assert listener.fractions == sorted(listener.fractions)
    assert listener.fractions[-1] == 1
    assert len(writers.curve.accuracy) == 8
    assert torch.allclose(writers.curve.accuracy[-1], validity(writers.log_words), atol=1e-6)


# -------------------------------------------------------------------------------------- sampling


def test_written_words_are_as_frequent_as_their_probabilities() -> None:
    stack = one_condition(stack_of(SMALL, 2, scale=1.0), 0)
    stack.biases[-1][:, END] += 1.0
    trie, count = Trie.of(SMALL), 20_000
    expected = trie.log_word_probabilities(trie.log_probabilities(stack)).exp()[:, 0]
    written = write_words(stack, count, SMALL.symbols, draws(0, 1))
    for seed in range(2):
        words = [SMALL.decode(word) for word in written[seed].tolist()]
        for place, word in enumerate(SMALL.words):
            p = expected[seed, place].item()
            assert words.count(word) / count == pytest.approx(
                p, abs=4 * math.sqrt(p * (1 - p) / count) + 1e-9
            )


def test_a_symbol_of_probability_zero_is_never_drawn() -> None:
    p = torch.tensor([[[0.0, 0.3, 0.0, 0.7, 0.0]]]).expand(1, 5000, 5)
    drawn = pick(p, draws(0))
    assert set(drawn.flatten().tolist()) == {1, 3}
    assert (drawn == 1).double().mean().item() == pytest.approx(0.3, abs=0.03)


# -------------------------------------------------------------------------- speculative decoding


def some_distribution(symbols: int, seed: int) -> Tensor:
    return torch.softmax(3 * torch.randn(4, symbols, generator=draws(seed)[0]), -1).double()


def test_kept_and_replaced_symbols_together_are_the_teachers() -> None:
    p, q = some_distribution(6, 0), some_distribution(6, 1)
    kept = q * accepted_with(p, q)
    rejected = 1 - kept.sum(-1, keepdim=True)
    assert torch.allclose(kept, torch.minimum(p, q))
    assert torch.allclose(kept + rejected * residual(p, q), p)
    # Where nothing was drafted the next symbol is the teacher's own; where both agree, too.
    assert torch.allclose(residual(p, torch.zeros_like(p)), p)
    assert torch.equal(residual(p, p), p)


def test_speculative_text_has_exactly_the_teachers_distribution() -> None:
    """Follow every way that two calls of the teacher can go, with its probability.

    What is written by two calls of γ = 2 is at least two symbols long; the first two must be
    distributed as the teacher writes them, for each pair to the last digit.
    """
    teacher, draft = (one_condition(stack_of(SMALL, 2, seeds=1), c) for c in (0, 1))
    symbols, length = SMALL.symbols, 2

    def says(stack: MLPStack, context: tuple[int, ...]) -> Tensor:
        at = torch.tensor(context).view(1, 1, -1)
        return next_letter(stack, at, symbols)[0, 0].double()

    def after(context: tuple[int, ...], symbol: int) -> tuple[int, ...]:
        return tuple(shift(torch.tensor(context), torch.tensor(symbol)).tolist())

    found: dict[tuple[int, ...], float] = {}

    def follow(context: tuple[int, ...], text: tuple[int, ...], chance: float, at: int) -> None:
        """Draft symbol number ``at`` of a call, or let the teacher add one behind the last."""
        if len(text) >= 2:
            found[text[:2]] = found.get(text[:2], 0.0) + chance
            return
        p = says(teacher, context)
        if at == length:
            for symbol in range(symbols):
                step = chance * p[symbol].item()
                follow(after(context, symbol), (*text, symbol), step, 0)
            return
        q = says(draft, context)
        keeps, instead = accepted_with(p, q), residual(p, q)
        for drafted in range(symbols):
            kept = chance * (q * keeps)[drafted].item()
            follow(after(context, drafted), (*text, drafted), kept, at + 1)
            rejected = chance * (q * (1 - keeps))[drafted].item()
            for symbol in range(symbols):
                step = rejected * instead[symbol].item()
                follow(after(context, symbol), (*text, symbol), step, 0)

    start = (END,) * LONGEST_CONTEXT
    follow(start, (), 1.0, 0)
    first = says(teacher, start)
    for a, b in itertools.product(range(symbols), repeat=2):
        expected = first[a] * says(teacher, after(start, a))[b]
        assert found[a, b] == pytest.approx(expected.item(), rel=1e-5)
    differs = (says(draft, start) - first).abs().max().item()
    assert differs > 0.05, "teacher and draft are too much alike to tell anything"


def test_the_sampler_that_runs_writes_the_teachers_words_as_often_as_the_teacher() -> None:
    both = stack_of(SMALL, 2, scale=6.0)
    teacher, draft = one_condition(both, 0), one_condition(both, 1)
    trie = Trie.of(SMALL)
    expected = trie.log_word_probabilities(trie.log_probabilities(teacher)).exp()[:, 0]
    of_draft = trie.log_word_probabilities(trie.log_probabilities(draft)).exp()[:, 0]
    assert ((expected - of_draft).abs().amax(1) > 0.015).all()
    # Eight calls write eight symbols at least: the first word is whole if it is a short one.
    texts = 20_000
    run = speculate(teacher, draft, SMALL.symbols, 2, 8, texts, draws(0, 1))
    for seed in range(2):
        first = [SMALL.decode(run.text(seed, text)) for text in range(texts)]
        for place, word in enumerate(SMALL.words):
            p = expected[seed, place].item()
            tolerance = 4 * math.sqrt(p * (1 - p) / texts)
            assert first.count(word) / texts == pytest.approx(p, abs=tolerance)


def test_drafts_that_write_side_by_side_write_what_each_would_alone() -> None:
    teacher, drafts = one_condition(stack_of(SMALL, 3), 0), stack_of(SMALL, 2)
    both = speculate(
        each_alone(in_conditions(teacher, 2)),
        each_alone(drafts),
        SMALL.symbols,
        3,
        20,
        4,
        draws(0, 0, 1, 1),
    )
    for place in range(2):
        alone = speculate(
            teacher, one_condition(drafts, place), SMALL.symbols, 3, 20, 4, draws(0, 1)
        )
        for mine, theirs in zip(
            vars(both.every(2, place)).values(), vars(alone).values(), strict=True
        ):
            assert torch.equal(mine, theirs)
    assert not torch.equal(both.every(2, 0).kept, both.every(2, 1).kept)


def test_a_draft_that_is_its_teacher_is_always_kept() -> None:
    teacher = one_condition(stack_of(SMALL, 2), 0)
    run = speculate(teacher, teacher, SMALL.symbols, 3, 20, 4, draws(0, 1))
    assert (run.kept == 3).all()
    assert run.tokens_per_call.tolist() == [4.0, 4.0]
    assert run.acceptance.tolist() == [1.0, 1.0]


def test_tokens_per_call_hold_the_formula_where_acceptance_is_constant() -> None:
    # E = Σ over k of P(at least k symbols) = 1 + α + … + α^γ
    for alpha in (0.0, 0.3, 0.9, 1.0):
        expected = sum(alpha**k for k in range(5))
        assert tokens_per_call(alpha, 4) == pytest.approx(expected)


def test_the_acceptance_that_is_measured_counts_judged_symbols_only() -> None:
    both = stack_of(SMALL, 2, scale=2.0)
    teacher, draft = one_condition(both, 0), one_condition(both, 1)
    run = speculate(teacher, draft, SMALL.symbols, 4, 50, 20, draws(0, 1))
    kept = judged = 0
    for drafted, number in zip(run.drafted[0].flatten(0, 1), run.kept[0].flatten(), strict=True):
        kept += int(number)
        judged += min(int(number) + 1, len(drafted))
    assert run.acceptance[0].item() == pytest.approx(kept / judged)
    assert 0.1 < kept / judged < 0.95
    total = sum(len(run.text(0, text)) for text in range(20))
    assert run.tokens_per_call[0].item() == pytest.approx(total / (50 * 20))
