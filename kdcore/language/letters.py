"""Words as letters, and what a network of letters sees of them: the last few, one-hot.

A word ends with a symbol of its own, :data:`END`, which is number 0 of every alphabet. It also
stands for what is not there: before the first letter of a word, a context holds nothing but it.
So a text is one word after another, and each begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from kdcore.language.names import number_names

#: The symbol that ends a word; what was before a word is written with it, too.
END = 0
#: How END is shown.
END_MARK = "↵"
#: Letters that a teacher sees; nothing here looks further back.
LONGEST_CONTEXT = 10
#: What a language may hold: its networks shall train in a second or two.
MOST_WORDS, LONGEST_WORD, MOST_LETTERS = 1000, 30, 40


@dataclass(frozen=True, eq=False)
class Language:
    """Different words, each as likely as any other.

    Raises
    ------
    ValueError
        If there are fewer than two words, too many, one twice, an empty or a very long one, or
        too many different letters.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.words) <= MOST_WORDS:
            raise ValueError(f"a language has 2 to {MOST_WORDS} words, not {len(self.words)}")
        if len(set(self.words)) < len(self.words):
            raise ValueError("each word of a language stands in it once")
        if not all(1 <= len(word) <= LONGEST_WORD for word in self.words):
            raise ValueError(f"a word has 1 to {LONGEST_WORD} letters")
        if len(self.letters) > MOST_LETTERS:
            raise ValueError(f"words have at most {MOST_LETTERS} different letters")

    @cached_property
    def letters(self) -> str:
        """The different letters, in order; letter i is symbol i + 1."""
        return "".join(sorted(set("".join(self.words))))

    @property
    def symbols(self) -> int:
        """How many symbols there are: the letters and END."""
        return len(self.letters) + 1

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {letter: number for number, letter in enumerate(self.letters, 1)}

    def encode(self, text: str) -> list[int]:
        """Return the symbols of a text, without an END.

        Raises
        ------
        ValueError
            If it has a letter that no word of the language has.
        """
        if strange := sorted(set(text) - set(self.letters)):
            raise ValueError(f"no word of this language has the letter {strange[0]!r}")
        return [self._numbers[letter] for letter in text]

    def table(self, words: Sequence[str]) -> Tensor:
        """Return words as ``[words, longest + 1]`` symbols, END from their end on."""
        symbols = [torch.tensor([*self.encode(word), END]) for word in words]
        return torch.nn.utils.rnn.pad_sequence(symbols, batch_first=True, padding_value=END)

    def decode(self, symbols: Sequence[int]) -> str:
        """Return the letters of symbols, up to the first END."""
        letters = []
        for symbol in symbols:
            if symbol == END:
                break
            letters.append(self.letters[symbol - 1])
        return "".join(letters)


@lru_cache(maxsize=1)
def number_language() -> Language:
    """Return the language of the number names: 999 words, 20 symbols."""
    return Language(number_names())


def context_of(prefix: Sequence[int]) -> list[int]:
    """Return the last :data:`LONGEST_CONTEXT` symbols of the beginning of a word."""
    padded = [END] * LONGEST_CONTEXT + list(prefix)
    return padded[-LONGEST_CONTEXT:]


def one_hot(contexts: Tensor, seen: int, symbols: int) -> Tensor:
    """Return what a network sees that looks back on the last ``seen`` letters.

    Parameters
    ----------
    contexts
        Symbols ``[..., LONGEST_CONTEXT]``, the last letter last.
    seen
        How many letters the network looks back on.
    symbols
        How many symbols the language has.

    Returns
    -------
    Tensor
        ``[..., seen · symbols]``, float32.
    """
    recent = contexts[..., LONGEST_CONTEXT - seen :]
    # Rows of the identity: torch's own function makes whole numbers of eight bytes on the way.
    rows = torch.eye(symbols).index_select(0, recent.flatten())
    return rows.view(*recent.shape[:-1], seen * symbols)


def shift(contexts: Tensor, symbols: Tensor) -> Tensor:
    """Return the contexts after one more symbol: ``[..., L]`` and ``[...]`` → ``[..., L]``.

    After an END a new word begins, and what was before it is forgotten.
    """
    later = torch.cat([contexts[..., 1:], symbols.unsqueeze(-1)], dim=-1)
    return later.masked_fill((symbols == END).unsqueeze(-1), END)


@dataclass(frozen=True, eq=False)
class Reading:
    """Texts of several seeds as a training pool: what stands before each letter, and the letter.

    What occurs more than once, in whatever text, is one row of the pool.
    """

    #: ``[N, LONGEST_CONTEXT]``
    contexts: Tensor
    #: The letter that follows, ``[N]``.
    letters: Tensor
    #: Each seed's text as rows of the pool, ``[S, length]``.
    rows: Tensor

    @classmethod
    def of(cls, texts: Sequence[Tensor], length: int) -> Reading:
        """Read the words of each seed, again and again, until each has read ``length`` letters.

        Texts differ in length and a stack reads one letter of each at a time. Since a text is
        much shorter than what is read of it, each of its letters is read about as often.

        Parameters
        ----------
        texts
            Words of each seed, ``[words, longest + 1]``, END from their end on.
        length
            How many letters each seed reads.
        """
        positions = [positions_of(words)[:length] for words in texts]
        pool, which = distinct(torch.cat(positions))
        places = torch.arange(length)
        rows = [own[places % len(own)] for own in which.split([len(each) for each in positions])]
        return cls(pool[:, :-1], pool[:, -1], torch.stack(rows))


def positions_of(words: Tensor) -> Tensor:
    """Return each letter of words, and each END, behind what stands before it.

    Parameters
    ----------
    words
        ``[words, longest + 1]``, END from their end on.

    Returns
    -------
    Tensor
        ``[letters of all words, LONGEST_CONTEXT + 1]``: context, then the letter.
    """
    padded = torch.nn.functional.pad(words, (LONGEST_CONTEXT, 0), value=END)
    positions = padded.unfold(1, LONGEST_CONTEXT + 1, 1)  # [words, longest + 1, context + letter]
    # A word's letters, and the first END behind them.
    return positions[(words != END).cumsum(1) >= torch.arange(words.shape[1])]


def distinct(positions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the different rows of ``[..., k]`` symbols, and which of them each is, ``[...]``."""
    # As one number each they sort ten times faster than as rows; 41¹¹ fits into 63 bits.
    base = MOST_LETTERS + 1
    keys = (positions * base ** torch.arange(positions.shape[-1])).sum(-1)
    different, which = torch.unique(keys, return_inverse=True)
    one_of_them = torch.empty(len(different), dtype=torch.int64)
    one_of_them[which.flatten()] = torch.arange(which.numel())
    return positions.flatten(0, -2)[one_of_them], which
