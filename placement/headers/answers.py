"""A receiver's result word, brought to one meaning. `absent`, `none`, `unknown` and `fail` are four things."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from placement.vocabulary import AuthResult


class Answer(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    NONE = "none"  # the receiver looked, and there was nothing to check
    TEMPERROR = "temperror"  # it could not look
    PERMERROR = "permerror"
    UNKNOWN = "unknown"  # a word nobody has explained yet
    ABSENT = "absent"  # the receiver said nothing


#: RFC 8601 2.7, and what receivers write beside it.
_WORDS: Final[Mapping[str, Answer]] = MappingProxyType(
    {
        **{answer.value: answer for answer in Answer if answer not in {Answer.UNKNOWN, Answer.ABSENT}},
        "hardfail": Answer.FAIL,
        "error": Answer.TEMPERROR,
        "unverified": Answer.NEUTRAL,
        "bestguesspass": Answer.NONE,  # Microsoft: no record, though it would have aligned
        "timeout": Answer.TEMPERROR,  # Microsoft: DKIM key query
        "ignore": Answer.NEUTRAL,  # Microsoft
        "test": Answer.NEUTRAL,  # Microsoft: the key says t=y
        "success": Answer.PASS,  # old Yahoo
        "skipped": Answer.NONE,  # BIMI
        "declined": Answer.NONE,  # BIMI
        "tempfail": Answer.TEMPERROR,  # Posteo
        "permfail": Answer.PERMERROR,
        "temperr": Answer.TEMPERROR,
        "permerr": Answer.PERMERROR,
    }
)
#: Yahoo writes dmarc=unknown and dkim=unknown where there is no record and no signature.
_BY_METHOD: Final[Mapping[tuple[str, str], Answer]] = MappingProxyType(
    {("dmarc", "unknown"): Answer.NONE, ("dkim", "unknown"): Answer.NONE}
)


def answer(result: AuthResult | None) -> Answer:
    """What one method's result means; ABSENT where there is none."""
    if result is None:
        return Answer.ABSENT
    special = _BY_METHOD.get((result.method, result.result))
    return special or _WORDS.get(result.result, Answer.UNKNOWN)


def best_answer(results: tuple[AuthResult, ...]) -> Answer:
    """Of several signatures: a pass where any passes, else the first (RFC 6376 6.1: one is enough)."""
    answers = [answer(result) for result in results]
    return Answer.PASS if Answer.PASS in answers else next(iter(answers), Answer.ABSENT)
