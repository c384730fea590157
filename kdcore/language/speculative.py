"""Speculative decoding: a small network drafts, the teacher checks, the text stays the teacher's.

The draft writes γ letters, which is cheap. The teacher then reads all of them in *one* call, which
for a large network takes hardly longer than reading one, and keeps those that it would have
written itself, as often as it would have written them.

Leviathan, Kalman, Matias (2023), *Fast inference from transformers via speculative decoding*;
independently Chen et al. (2023), *Accelerating large language model decoding with speculative
sampling*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.language.letters import END, LONGEST_CONTEXT, shift
from kdcore.language.sampling import next_letter, pick
from kdcore.models import MLPStack


def accepted_with(teacher: Tensor, draft: Tensor) -> Tensor:
    """Return how likely each drafted symbol is kept: ``[..., symbols]``, both ways.

        min(1, p(x) / q(x)),   p teacher, q draft

    A symbol that the draft never writes is never judged; it counts as kept.

    Notes
    -----
    Leviathan et al. (2023), algorithm 1.
    """
    return (teacher / draft).nan_to_num(nan=1.0).clamp_max(1.0)


def residual(teacher: Tensor, draft: Tensor) -> Tensor:
    """Return what a symbol is drawn from that stands in for a rejected one.

        (p − q)₊ / Σ (p − q)₊

    What the draft says too rarely. Where both are the same nothing is rejected, and this is p.

    Notes
    -----
    Leviathan et al. (2023), algorithm 1 and appendix A.1, which shows that kept and replaced
    symbols together are distributed like p: q·min(1, p/q) + (1 − Σ min(p, q)) · residual = p.
    """
    lacking = (teacher - draft).clamp_min(0)
    total = lacking.sum(-1, keepdim=True)
    return torch.where(total > 0, lacking / total.clamp_min(1e-38), teacher)


def tokens_per_call(acceptance: float, draft_length: int) -> float:
    """Return how many letters one call of the teacher yields on average, by formula.

        (1 − α^{γ+1}) / (1 − α)

    It takes each letter to be accepted with the same probability α, whatever came before.

    Notes
    -----
    Leviathan et al. (2023), equation 1.
    """
    if acceptance >= 1:
        return draft_length + 1.0
    return float((1 - acceptance ** (draft_length + 1)) / (1 - acceptance))


@dataclass(frozen=True, eq=False)
class Speculation:
    """What S seeds drafted and kept: M texts each, R calls of the teacher each."""

    #: ``[S, M, R, γ]``
    drafted: Tensor
    #: What teacher and draft gave each drafted symbol, ``[S, M, R, γ]``.
    teacher_probability: Tensor
    draft_probability: Tensor
    #: How many of the drafted symbols each call kept, ``[S, M, R]``.
    kept: Tensor
    #: The symbol that the teacher added, ``[S, M, R]``: for a rejected one, or behind the last.
    added: Tensor

    @property
    def tokens_per_call(self) -> Tensor:
        """Symbols written for each call of the teacher, ``[S]``."""
        return (self.kept.double() + 1).mean((1, 2))

    @property
    def acceptance(self) -> Tensor:
        """Share of the judged symbols that were kept, ``[S]``.

        The symbols behind a rejected one are thrown away unjudged.
        """
        rejected = self.kept < self.drafted.shape[-1]
        kept = self.kept.double().sum((1, 2))
        return kept / (kept + rejected.double().sum((1, 2)))

    def text(self, seed: int, text: int = 0) -> list[int]:
        """Return the symbols of one text, an END behind each word."""
        symbols: list[int] = []
        for drafted, kept, added in zip(
            self.drafted[seed, text].tolist(),
            self.kept[seed, text].tolist(),
            self.added[seed, text].tolist(),
            strict=True,
        ):
            symbols += [*drafted[:kept], added]
        return symbols

    def every(self, step: int, first: int) -> Speculation:
        """Return what the seeds ``first``, ``first + step``, ... wrote."""
        return Speculation(*(part[first::step] for part in vars(self).values()))

    def first(self) -> Speculation:
        """Return the first text of the first seed alone."""
        return Speculation(*(part[:1, :1].clone() for part in vars(self).values()))

    def words(self, seed: int) -> list[tuple[int, ...]]:
        """Return the whole words of all texts of a seed; the last, cut off, is left out."""
        words: list[tuple[int, ...]] = []
        for text in range(self.kept.shape[1]):
            word: list[int] = []
            for symbol in self.text(seed, text):
                if symbol == END:
                    words.append(tuple(word))
                    word = []
                else:
                    word.append(symbol)
        return words


@torch.no_grad()
def speculate(
    teacher: MLPStack,
    draft: MLPStack,
    symbols: int,
    draft_length: int,
    calls: int,
    texts: int,
    draws: Sequence[torch.Generator],
    context: Tensor | None = None,
) -> Speculation:
    """Let drafts and their teachers write texts, word after word.

    Parameters
    ----------
    teacher, draft
        One network a seed each.
    draft_length
        Letters drafted for each call of the teacher, γ.
    calls
        Calls of the teacher.
    texts
        Texts that each seed writes side by side.
    draws
        One generator a seed.
    context
        What stands before each text, ``[LONGEST_CONTEXT]``; nothing unless given.

    Notes
    -----
    Leviathan et al. (2023), algorithm 1.
    """
    start = torch.full((LONGEST_CONTEXT,), END) if context is None else context
    contexts = start.expand(len(draws), texts, -1)
    calls_made = []
    for _ in range(calls):
        before, letters, drafts = [contexts], [], []
        for _ in range(draft_length):
            drafts.append(next_letter(draft, before[-1], symbols))
            letters.append(pick(drafts[-1], draws))
            before.append(shift(before[-1], letters[-1]))
        # One call for all γ + 1 places: the teacher's words at each drafted letter, and behind.
        said = next_letter(teacher, torch.cat(before, dim=1), symbols)
        p = said.view(len(draws), draft_length + 1, texts, symbols)
        q = torch.stack(drafts, dim=1)
        drafted = torch.stack(letters, dim=1)  # [S, γ, M]
        uniform = torch.stack([torch.rand(draft_length, texts, generator=draw) for draw in draws])
        index = drafted.unsqueeze(-1)
        keeps = uniform < accepted_with(p[:, :-1], q).gather(-1, index).squeeze(-1)
        kept = keeps.long().cumprod(1).sum(1)  # [S, M]: up to the first that is rejected
        # Behind the last drafted letter nothing was drafted: q = 0 there, and the residual is p.
        offers = residual(p, torch.nn.functional.pad(q, (0, 0, 0, 0, 0, 1)))
        place = kept.view(len(draws), 1, texts, 1)
        offer = offers.gather(1, place.expand(-1, -1, -1, symbols)).squeeze(1)
        added = pick(offer, draws)
        ends = torch.stack(before, dim=1)  # [S, γ + 1, M, L]
        contexts = ends.gather(1, place.expand(-1, -1, -1, LONGEST_CONTEXT)).squeeze(1)
        contexts = shift(contexts, added)
        calls_made.append(
            (
                drafted.transpose(1, 2),
                p[:, :-1].gather(-1, index).squeeze(-1).transpose(1, 2),
                q.gather(-1, index).squeeze(-1).transpose(1, 2),
                kept,
                added,
            )
        )
    return Speculation(*(torch.stack(part, dim=2) for part in zip(*calls_made, strict=True)))
