"""Label names as people write them, to words."""

from __future__ import annotations

import re
from typing import Self
from unicodedata import category, normalize

from sklearn.base import BaseEstimator, TransformerMixin

from ._base import check_texts

_BLANKS = re.compile(r"[\s_()\[\]{}（）［］｛｝]+")
_ENDS = re.compile(f"^{_BLANKS.pattern}|{_BLANKS.pattern}$")
# In shapes of names, where "A" is a capital, "a" or "s" another letter, and "0" a digit: slashes and hyphens between
# parts of two characters at least, not those of "t-shirt" or "A/C".
_JOINTS = re.compile(r"(?<=[Aas0]{2})[-/]+(?=[Aas0]{2})")
# A capital after another letter begins a word, so does the last of several before another letter, but for "TVs", and
# one after a digit where another letter follows.
_CAPITALS = re.compile(r"(?<=[as])(?=A)|(?<=0)(?=A[as])|(?<=A)(?=A(?!s(?![as]))[as])")


class NameReader(TransformerMixin, BaseEstimator):
    """Read label names as people write them: "dog_bark", "children-playing", "CarHorn" and "Glass (shatter)" to words.

    Underscores and brackets part words. In a name without blanks so do hyphens and slashes between two characters at
    least, and capitals: "t-shirt", "TV" and "mp3" stay. Other sentences stay as they are, and so does a name that would
    have no word left. Labels keep their names; only what the encoder reads changes.

    Examples
    --------
    >>> from skzsl.text import NameReader
    >>> NameReader().fit_transform(["dog_bark", "Glass (shatter)", "CarHorn", "children-playing", "TV on"])
    ['dog bark', 'Glass shatter', 'Car Horn', 'children playing', 'TV on']
    """

    def fit(self, X, y=None) -> Self:
        """Check the names; nothing is learned.

        Parameters
        ----------
        X : list of str
            Label names.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        check_texts(X)
        return self

    def transform(self, X) -> list[str]:
        """Read names.

        Parameters
        ----------
        X : list of str
            Label names.

        Returns
        -------
        texts : list of str
        """
        return [_read(name) for name in check_texts(X)]

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags


def _read(name):
    words = _BLANKS.sub(" ", normalize("NFC", name)).strip()
    if not any(map(str.isspace, _ENDS.sub("", name))):
        words = _parted(_CAPITALS, _parted(_JOINTS, words))
    return words if any(map(str.isalnum, words)) else name


def _parted(places, words):
    """Words with a blank for what is found in their shape."""
    found = places.finditer("".join(map(_shape, words)))
    edges = [0, *(edge for place in found for edge in place.span()), len(words)]
    return " ".join(words[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _shape(character):
    if character == "s":
        return "s"
    if character.isupper() or character.isdigit():
        return "A" if character.isupper() else "0"
    letter = character.isalpha() or category(character) in {"Mn", "Mc"}  # the marks of Hindi vowels are no letters
    return "a" if letter else character
