"""What a text is compared with: exact words, globs, regular expressions. Data first; compiled once, when first used."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Struct

from compliance.server.policies.automaton import Automaton
from compliance.server.policies.expressions import NotUnderstood, parse

Word = Annotated[str, Meta(min_length=1, max_length=500)]


class Pattern(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a text has to look: one of `exact`, `glob` and `regex`."""

    exact: Annotated[Word | None, Meta(description="The whole text, letter by letter.")] = None
    glob: Annotated[
        Word | None,
        Meta(description="The whole text: `*` is anything (a `/` too), `?` one character, `[ab]` one of them."),
    ] = None
    regex: Annotated[
        Word | None, Meta(description="Found anywhere in the text; `^` and `$` are its ends, `.` is any character.")
    ] = None
    any_case: Annotated[bool, Meta(description="Whether capital letters make no difference.")] = False

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.exact, self.glob, self.regex)) != 1:
            raise ValueError("a pattern is one of exact, glob and regex")
        if self.regex is not None:
            _automaton(self.regex, self.any_case)  # refused here rather than when it is first used

    def __str__(self) -> str:
        return f"/{self.regex}/" if self.regex is not None else str(self.exact or self.glob)


Texts = (
    Annotated[str, Meta(min_length=1, max_length=500)]
    | Pattern
    | Annotated[tuple[Word | Pattern, ...], Meta(min_length=1, max_length=500)]
)
"""A word (exact), a pattern, or a list of them of which one has to match."""


@lru_cache(maxsize=8192)
def matcher(texts: Texts) -> Callable[[str], bool]:
    """A function from a text to whether it matches. Compiled once for equal texts, however often it is asked for."""
    words: set[str] = set()
    others: list[Callable[[str], bool]] = []
    for one in texts if isinstance(texts, tuple) else (texts,):
        if isinstance(one, str):
            words.add(one)
        elif one.exact is not None and not one.any_case:
            words.add(one.exact)
        else:
            others.append(_compiled(one))
    if not others:
        return words.__contains__
    if not words and len(others) == 1:
        return others[0]
    return lambda text: text in words or any(match(text) for match in others)


def say(texts: Texts) -> str:
    """`nc, ncat or /^xmrig/`; of many the first few."""
    names = [str(one) for one in texts] if isinstance(texts, tuple) else [str(texts)]
    if len(names) > 8:
        return f"{', '.join(names[:7])} or {len(names) - 7} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def globbed(words: tuple[str, ...], text: str) -> bool:
    """Whether one of the words matches as a glob, in any case: names of hosts and systems."""
    return any(matcher(Pattern(glob=word, any_case=True))(text) for word in words)


def _compiled(pattern: Pattern) -> Callable[[str], bool]:
    if pattern.regex is not None:
        return _automaton(pattern.regex, pattern.any_case).found_in
    if pattern.glob is None:
        exact = str(pattern.exact).lower()
        return lambda text: text.lower() == exact
    # `translate` makes each `*` give up its second try, so that this too is done in one pass
    match = re.compile(fnmatch.translate(pattern.glob.lower() if pattern.any_case else pattern.glob)).match
    if pattern.any_case:
        return lambda text: match(text.lower()) is not None
    return lambda text: match(text) is not None


@lru_cache(maxsize=2048)
def _automaton(regex: str, any_case: bool) -> Automaton:
    try:
        return Automaton(*parse(regex, any_case))
    except NotUnderstood as error:
        raise ValueError(f"the regular expression /{regex}/ {error}") from error
