"""What the experiments on the little language have in common to set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kdcore.language.letters import (
    LONGEST_CONTEXT,
    LONGEST_WORD,
    MOST_LETTERS,
    Language,
    number_language,
)
from kdcore.settings import SPLIT, STUDENT_SAMPLES, Number, Settings, setting
from kdcore.words import Refusal

#: Letters that a student reads, however short its text: 800 batches of 32.
READ = 800 * 32
#: Words of one's own that a run can be about; they have to fit into an address.
MOST_OWN_WORDS = 80

WORDS = Number("words", 2, 999, 50, (10, 20, 50, 200, 999), whole=True)
CONTEXT = Number("context", 1, LONGEST_CONTEXT, 6, (1, 2, 3, 4, 6, 10), whole=True)


@dataclass(frozen=True)
class WordList:
    """Words of one's own, separated by commas; none of them for the number names."""

    name: str
    default: tuple[str, ...] = ()
    offered: tuple[tuple[str, ...], ...] = ()

    @property
    def accepts(self) -> Refusal:
        return Refusal("word_list", most=MOST_OWN_WORDS, longest=LONGEST_WORD, letters=MOST_LETTERS)

    def parse(self, text: str) -> tuple[str, ...]:
        words = (" ".join(word.split()).lower() for word in text.replace("\n", ",").split(","))
        # Whoever writes a list writes some words twice; once is enough.
        return self.check(tuple(dict.fromkeys(word for word in words if word)))

    def format(self, value: tuple[str, ...]) -> str:
        return ",".join(value)

    def check(self, value: tuple[str, ...]) -> tuple[str, ...]:
        words = tuple(value) if isinstance(value, tuple | list) else (None,)
        if not all(isinstance(word, str) and "," not in word for word in words):
            raise self._refusal()
        if words and len(words) > MOST_OWN_WORDS:
            raise self._refusal()
        if words:
            try:
                Language(words)
            except ValueError:
                raise self._refusal() from None
        return words

    def _refusal(self) -> Refusal:
        return Refusal("value_missing", name=self.name, accepts=self.accepts)


OWN_WORDS = WordList("own_words")


@dataclass(frozen=True, kw_only=True)
class WritingSettings(Settings):
    """Base of the settings of every experiment on the little language.

    Its figures are exact for the whole language, so there is no test set to be split off:
    ``split`` draws anew what the students learn from, the words that they or their teacher chose.
    """

    context: int = setting(CONTEXT)
    student_samples: int = setting(STUDENT_SAMPLES, READ, offered=(6_400, READ, 102_400))
    own_words: tuple[str, ...] = setting(OWN_WORDS)
    # Taken like everywhere, and on no page on offer.
    split: int = setting(SPLIT, offered=())

    #: Symbols of the number names; a language of one's own has about as many.
    symbols: ClassVar[int] = 20

    @property
    def language(self) -> Language:
        """The language that teachers and students learn."""
        return Language(self.own_words) if self.own_words else number_language()

    def words_read(self, words: int) -> int:
        """Return how many words a student reads: no more than there are."""
        return min(words, len(self.language.words))

    def layer_sizes(self, hidden: tuple[int, ...]) -> tuple[int, ...]:
        """Return the layers of a network that reads letters and says the next."""
        return (self.context * self.symbols, *hidden, self.symbols)

    def teachers_work(self) -> float:
        """Return the multiply-adds of the teachers of all seeds, and of measuring everyone."""
        # Ten letters, 64 hidden units, 28,800 letters read; 3,700 beginnings looked at.
        return 3.0 * 14_000 * self.seeds * (28_800 + 10 * 3_700)
