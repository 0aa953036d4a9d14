"""How many different texts had a word: enough to tell common words from personal ones, bounded."""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

from online_models import formats
from online_models.topic_formats import SeenState


class WordsSeen:
    """Of each word the first different texts that had it, and when it was seen last.

    The same text again, or one of the same words, counts once. Where there are too many words,
    those seen longest ago go, the ones of few texts first.

    Parameters
    ----------
    max_words
        At most.
    min_texts
        Different texts that make a word common.
    """

    def __init__(self, max_words: int, min_texts: int) -> None:
        self.max_words = max_words
        self.min_texts = min_texts
        self._texts = 0
        self._words: dict[str, tuple[int, list[int]]] = {}

    def __len__(self) -> int:
        return len(self._words)

    def add(self, words: Collection[str]) -> None:
        """Count a text by its words."""
        self._texts += 1
        mark = _mark(words)
        for word in words:
            marks = self._words.get(word, (0, []))[1]
            if len(marks) < self.min_texts and mark not in marks:
                marks.append(mark)
            self._words[word] = self._texts, marks
        if len(self._words) > self.max_words:
            self._make_room()

    def is_common(self, word: str) -> bool:
        """Return whether enough different texts had a word."""
        _, marks = self._words.get(word, (0, ()))
        return len(marks) >= self.min_texts

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "texts": self._texts,
            "words": [[word, last, list(marks)] for word, (last, marks) in self._words.items()],
        }

    def restore(self, state: SeenState) -> None:
        """Take over a checked state.

        Raises
        ------
        ModelFormatError
            If it is larger than may be, or a word is in it twice.
        """
        stored = state["words"]
        if len(stored) > self.max_words:
            raise formats.ModelFormatError(
                f"checkpoint has {len(stored)} words, at most {self.max_words} may be"
            )
        self._texts = state["texts"]
        # A mark more than needed would be kept for nothing.
        self._words = {word: (last, marks[: self.min_texts]) for word, last, marks in stored}
        if len(self._words) < len(stored):
            raise formats.ModelFormatError("checkpoint is broken: seen.words has a word twice")

    def _make_room(self) -> None:
        def worth(pair: tuple[str, tuple[int, list[int]]]) -> tuple[bool, int, str]:
            word, (last, marks) = pair
            return len(marks) >= self.min_texts, last, word

        kept = sorted(self._words.items(), key=worth, reverse=True)[: self.max_words * 3 // 4]
        self._words = dict(kept)


def _mark(words: Collection[str]) -> int:
    """Return a number that texts of the same words share."""
    digest = blake2b(" ".join(sorted(words)).encode(errors="surrogatepass"), digest_size=6)
    return int.from_bytes(digest.digest())
