"""Words written letter by letter, each letter drawn from what a network says comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.language.letters import END, LONGEST_CONTEXT, context_of, one_hot, shift
from kdcore.models import MLPStack

#: A word that has not ended by then is cut off; it counts as written, and as invalid.
LONGEST_WRITTEN = 40


@torch.no_grad()
def next_letter(
    stack: MLPStack, contexts: Tensor, symbols: int, temperature: float = 1.0
) -> Tensor:
    """Return the distribution of the next symbol of one network a seed.

    Parameters
    ----------
    stack
        S seeds, one condition.
    contexts
        ``[S, M, LONGEST_CONTEXT]``

    Returns
    -------
    Tensor
        ``[S, M, symbols]``
    """
    seen = stack.layer_sizes[0] // symbols
    logits = stack.forward(one_hot(contexts, seen, symbols))[-1]  # [S, symbols, M]
    # Examples last: along that axis the softmax of a stack is five times faster.
    return torch.softmax(logits / temperature, dim=1).transpose(1, 2)


def pick(probabilities: Tensor, draws: Sequence[torch.Generator]) -> Tensor:
    """Draw one symbol from each distribution: ``[S, M, symbols]`` → ``[S, M]``.

    One generator a seed, so that what one seed draws never shifts what another gets. The symbol
    is where the cumulated probabilities pass a uniform number: two distributions that are alike
    mostly yield the same symbol for the same number, which keeps conditions paired.
    """
    uniform = torch.stack([torch.rand(probabilities.shape[1], generator=draw) for draw in draws])
    cumulated = probabilities.cumsum(-1)
    # Rounding may leave the sum a little below 1: the number is taken as a share of it.
    passed = cumulated <= (uniform.unsqueeze(-1) * cumulated[..., -1:])
    return passed.sum(-1).clamp_max(probabilities.shape[-1] - 1)


def write_words(
    stack: MLPStack,
    words: int,
    symbols: int,
    draws: Sequence[torch.Generator],
    temperature: float = 1.0,
) -> Tensor:
    """Let one network a seed write words.

    Returns
    -------
    Tensor
        ``[S, words, LONGEST_WRITTEN + 1]``, END from the end of each word on.
    """
    contexts = torch.full((len(draws), words, LONGEST_CONTEXT), END)
    written = torch.full((len(draws), words, LONGEST_WRITTEN + 1), END)
    going_on = torch.ones(len(draws), words, dtype=torch.bool)
    for place in range(LONGEST_WRITTEN):
        letter = pick(next_letter(stack, contexts, symbols, temperature), draws)
        letter = letter.where(going_on, torch.tensor(END))
        written[..., place] = letter
        going_on &= letter != END
        if not going_on.any():
            break
        contexts = shift(contexts, letter)
    return written


@dataclass(frozen=True)
class Continuation:
    """How one network went on with a prompt, letter by letter."""

    #: The symbols that it wrote; the last is END unless it was cut off.
    letters: tuple[int, ...]
    #: What each could have been: a distribution for each letter.
    probabilities: tuple[tuple[float, ...], ...]


def continue_prompt(
    network: MLPStack, prompt: Sequence[int], symbols: int, draw: torch.Generator
) -> Continuation:
    """Let one network finish the word that a prompt begins."""
    context = torch.tensor(context_of(prompt)).view(1, 1, -1)
    letters: list[int] = []
    probabilities: list[tuple[float, ...]] = []
    while len(prompt) + len(letters) < LONGEST_WRITTEN and letters[-1:] != [END]:
        said = next_letter(network, context, symbols)
        letter = pick(said, [draw])
        letters.append(int(letter))
        probabilities.append(tuple(said[0, 0].tolist()))
        context = shift(context, letter)
    return Continuation(tuple(letters), tuple(probabilities))
