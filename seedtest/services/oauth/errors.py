"""What a token endpoint refuses, as errors of the mailbox: the login itself was never tried.

SignInLost (LoginRefused)           permanent: a person, or the operator, has to do something; `problem` says what
TokenServiceDown (LoginUnavailable) the provider gives out no tokens now; `retry_after` where it says so
"""

from __future__ import annotations

from placement.errors import LoginRefused, LoginUnavailable
from placement.vocabulary import LoginProblem


class SignInLost(LoginRefused):
    def __init__(self, message: str, problem: LoginProblem) -> None:
        super().__init__(message)
        self.problem = problem


class TokenServiceDown(LoginUnavailable):
    problem = LoginProblem.TOKEN_SERVICE_DOWN
