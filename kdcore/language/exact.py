"""What a network of letters says of every word of a language: exactly, without sampling.

    p(word) = Π_i p(letter i | letters before it) · p(END | the whole word)

Every word ends with END, so none is the beginning of another, and the probabilities of *all*
sequences of letters sum to 1. What the words of the language do not get goes to invalid ones.

Words share their beginnings: as a tree (a trie) the 999 number names have 3,700 beginnings where
they have 21,000 letters, and what a network says of each beginning is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from kdcore.language.letters import (
    END,
    LONGEST_CONTEXT,
    Language,
    context_of,
    distinct,
    one_hot,
)
from kdcore.losses import entropy
from kdcore.models import MLPStack


class _Edges(NamedTuple):
    """From the beginnings of one length, each letter that some word goes on with."""

    #: Beginnings, as numbers of nodes.
    origin: Tensor
    letter: Tensor
    #: Where it leads: a node, or a word if the letter is END.
    target: Tensor


@dataclass(frozen=True, eq=False)
class Trie:
    """The beginnings of all words of a language; node 0 is the empty one."""

    language: Language
    #: What a network may look back on at each node, ``[K, LONGEST_CONTEXT]``.
    contexts: Tensor
    #: How many words go on with each symbol, ``[K, symbols]``.
    counts: Tensor
    #: One group of edges for each length of beginning, letters only.
    _levels: list[_Edges]
    #: The edges that end a word, in the order of the words.
    _ends: _Edges
    #: What :meth:`_seen_with` has found, for each number of letters.
    _seen: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @classmethod
    def of(cls, language: Language) -> Trie:
        """Build the tree of a language's words."""
        words = [language.encode(word) for word in language.words]
        nodes: dict[tuple[int, ...], int] = {(): 0}
        levels: list[list[tuple[int, int, int]]] = []
        ends: list[tuple[int, int, int]] = []
        at = [0] * len(words)  # the node that each word has come to
        counts: dict[tuple[int, int], int] = {}
        for length in range(max(map(len, words)) + 1):
            levels.append([])
            for place, word in enumerate(words):
                if length > len(word):
                    continue
                symbol = END if length == len(word) else word[length]
                origin = at[place]
                counts[origin, symbol] = counts.get((origin, symbol), 0) + 1
                if symbol == END:
                    ends.append((origin, END, place))
                    continue
                beginning = tuple(word[: length + 1])
                if beginning not in nodes:
                    nodes[beginning] = len(nodes)
                    levels[-1].append((origin, symbol, nodes[beginning]))
                at[place] = nodes[beginning]
        contexts = [context_of(beginning) for beginning in nodes]
        table = torch.zeros(len(nodes), language.symbols, dtype=torch.float64)
        origins, symbols = torch.tensor(list(counts)).T
        table[origins, symbols] = torch.tensor(list(counts.values()), dtype=table.dtype)
        return cls(
            language,
            torch.tensor(contexts),
            table,
            [_Edges(*torch.tensor(edges).T) for edges in levels if edges],
            _Edges(*torch.tensor(sorted(ends, key=lambda end: end[2])).T),
        )

    @property
    def truth(self) -> Tensor:
        """The true distribution of the next symbol at each node, ``[K, symbols]``."""
        return self.counts / self.counts.sum(1, keepdim=True)

    @property
    def visits(self) -> Tensor:
        """How often a text of the language comes by each node, a share of its letters, ``[K]``."""
        by_node = self.counts.sum(1)
        return by_node / by_node.sum()

    @torch.no_grad()
    def log_probabilities(
        self, stack: MLPStack, temperature: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return what networks say at each node, ``[S, C, K, symbols]``, at a temperature."""
        symbols = self.language.symbols
        seen = stack.layer_sizes[0] // symbols
        different, which = self._seen_with(seen)
        logits = stack.logits(one_hot(different, seen, symbols)).to(dtype)
        return torch.log_softmax(logits / temperature, dim=-1).index_select(-2, which)

    def _seen_with(self, seen: int) -> tuple[Tensor, Tensor]:
        """Return contexts that differ in the last few letters, and which of them each node has.

        Beginnings that end alike are alike to a network that sees their end alone.
        """
        if seen not in self._seen:
            different, which = distinct(self.contexts[:, LONGEST_CONTEXT - seen :])
            unseen = LONGEST_CONTEXT - seen
            padded = torch.nn.functional.pad(different, (unseen, 0), value=END)
            self._seen[seen] = padded, which
        return self._seen[seen]

    def log_word_probabilities(self, log_probabilities: Tensor) -> Tensor:
        """Return ln p of every word of the language: ``[..., K, symbols]`` → ``[..., words]``."""
        so_far = log_probabilities.new_zeros(log_probabilities.shape[:-1])
        for edges in self._levels:
            step = log_probabilities[..., edges.origin, edges.letter]
            so_far[..., edges.target] = so_far[..., edges.origin] + step
        ends = self._ends
        last = log_probabilities[..., ends.origin, ends.letter]
        return so_far[..., ends.origin] + last


def validity(log_words: Tensor) -> Tensor:
    """Return the probability that a written word is a word: ``[..., words]`` → ``[...]``.

    Σ over the words of the language of p(word)
    """
    return log_words.exp().sum(-1)


def kl_to_truth(log_words: Tensor) -> Tensor:
    """Return KL(truth ‖ network) in nats a word, where all W words are equally likely.

        Σ_w 1/W · (ln 1/W − ln p(w))

    The network's cross-entropy is this plus ln W: 6.907 nats for the 999 number names.
    """
    words = torch.tensor(float(log_words.shape[-1]), dtype=log_words.dtype)
    return -words.log() - log_words.mean(-1)


def effective_words(log_words: Tensor) -> Tensor:
    """Return how many equally likely words would be as varied as those it writes: e^entropy.

        exp(− Σ_w p̂(w) · ln p̂(w)),   p̂(w) = p(w) / Σ p: of the valid words alone

    Notes
    -----
    The exponential of the entropy is known as perplexity, and in ecology as the Hill number of
    order 1 (Hill 1973, *Diversity and evenness*): the effective number of species.
    """
    return entropy(torch.softmax(log_words, dim=-1)).exp()


def distinct_words(log_words: Tensor, draws: int = 100) -> Tensor:
    """Return how many different valid words a text of some words has on average.

    Σ_w 1 − (1 − p(w))^draws
    """
    return -torch.expm1(draws * torch.log1p(-log_words.exp().clamp_max(1 - 1e-7))).sum(-1)


def acceptance_rate(teacher_log_probs: Tensor, draft_log_probs: Tensor, visits: Tensor) -> Tensor:
    """Return how likely the teacher accepts a drafted letter, over the letters of the language.

        α = Σ_k visits(k) · Σ_x min(p_k(x), q_k(x)),   p teacher, q draft

    Parameters
    ----------
    teacher_log_probs, draft_log_probs
        ``[..., K, symbols]``
    visits
        Weights of the nodes ``[K]``, which sum to 1.

    Notes
    -----
    Leviathan, Kalman, Matias (2023), *Fast inference from transformers via speculative decoding*,
    corollary 3.6: the expected acceptance rate is E(Σ min(p, q)).
    """
    shared = torch.minimum(teacher_log_probs, draft_log_probs).exp().sum(-1)
    return (shared * visits.to(shared.dtype)).sum(-1)
