"""What a token endpoint refuses, as errors of the mailbox: the login itself was never tried.

SignInLost (LoginRefused)           permanent: a person, or the operator, has to do something; `problem` says what
TokenServiceDown (LoginUnavailable) the provider gives out no tokens now; `retry_after` where it says so
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placement.errors import LoginRefused, LoginUnavailable, PlacementError
from placement.mailbox.faults import printable
from placement.mailbox.secrecy import Secrets
from placement.vocabulary import LoginProblem


class SignInLost(LoginRefused):
    def __init__(self, message: str, problem: LoginProblem) -> None:
        super().__init__(message)
        self.problem = problem


class TokenServiceDown(LoginUnavailable):
    problem = LoginProblem.TOKEN_SERVICE_DOWN


#: `error` of RFC 6749 4.1.2.1 and 5.2, of OpenID Connect 3.1.2.6, and what Google and Microsoft add.
REFUSALS: Mapping[str, LoginProblem] = {
    "invalid_grant": LoginProblem.SIGN_IN_ENDED,
    "interaction_required": LoginProblem.SIGN_IN_ENDED,
    "login_required": LoginProblem.SIGN_IN_ENDED,
    "consent_required": LoginProblem.CONSENT_MISSING,
    "access_denied": LoginProblem.CONSENT_MISSING,
    "admin_policy_enforced": LoginProblem.CONSENT_MISSING,
    "org_internal": LoginProblem.CONSENT_MISSING,
    "invalid_scope": LoginProblem.WRONG_SCOPE,
    "invalid_client": LoginProblem.APP_REFUSED,
    "unauthorized_client": LoginProblem.APP_REFUSED,
    "unsupported_grant_type": LoginProblem.APP_REFUSED,
    "redirect_uri_mismatch": LoginProblem.APP_REFUSED,
}
#: Numbers that say more than Microsoft's `error` does.
MICROSOFT_NUMBERS: Mapping[str, LoginProblem] = {
    "AADSTS65001": LoginProblem.CONSENT_MISSING,
    "AADSTS90094": LoginProblem.CONSENT_MISSING,
    "AADSTS90002": LoginProblem.APP_REFUSED,  # no such tenant
    "AADSTS700016": LoginProblem.APP_REFUSED,
    "AADSTS7000215": LoginProblem.APP_REFUSED,
    "AADSTS7000222": LoginProblem.APP_REFUSED,  # the secret has expired
}
_MEANING: Mapping[LoginProblem, str] = {
    LoginProblem.SIGN_IN_ENDED: "The sign-in has ended; somebody has to connect the mailbox again.",
    LoginProblem.CONSENT_MISSING: "It was not agreed to; connect again, or ask the company's administrator to agree.",
    LoginProblem.WRONG_SCOPE: "The permission to read mail cannot be had this way; the operator checks the scopes.",
    LoginProblem.APP_REFUSED: "Client ID, client secret, tenant or redirect address are wrong; the operator sets them.",
}
_LONGEST_WAIT = 24 * 3600.0


def refused(
    name: str, answer: Mapping[str, Any], *, retry_after: str = "", secrets: tuple[str, ...] = ()
) -> PlacementError:
    """The error for an answer without a token. What is not known to be final is tried again later."""
    error, description = str(answer.get("error", "")), str(answer.get("error_description", ""))
    words = printable(Secrets(*secrets).out_of(": ".join(filter(None, (error, description)))))
    problem = _problem(error, description)
    if problem is None:
        return service_down(name, words, retry_after=retry_after)
    return SignInLost(f"{name} said: {words}. {_MEANING[problem]}", problem)


def _problem(error: str, description: str) -> LoginProblem | None:
    number = next((one for one in MICROSOFT_NUMBERS if f"{one}:" in description), "")
    return MICROSOFT_NUMBERS.get(number) or REFUSALS.get(error)


def service_down(name: str, words: str, *, retry_after: str = "") -> TokenServiceDown:
    said = f" ({printable(words)})" if words else ""
    return TokenServiceDown(
        f"The sign-in service of {name} gives out no tokens now{said}. It is tried again later by itself.",
        retry_after=min(float(retry_after), _LONGEST_WAIT) if retry_after.isascii() and retry_after.isdigit() else None,
    )
