"""Every reason a result may carry is explained to a person, in full sentences."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from placement.diagnosis import LOGIN_PROBLEMS, REASONS
from placement.vocabulary import LoginProblem, Reason

JARGON = ("IMAP UID", "EXAMINE", "UIDVALIDITY", "traceback", "exception", "None")


def test_no_reason_is_without_an_explanation():
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name.lower())
def test_it_says_what_happened_what_it_means_and_what_to_do(reason: Reason):
    title, *sentences = astuple(REASONS[reason])
    assert title and not title.endswith(".")
    assert all(len(sentence) >= 40 and sentence.endswith(".") for sentence in sentences)
    assert not [word for word in JARGON for text in (title, *sentences) if word in text]


def test_no_two_reasons_read_alike():
    assert len({one.title for one in REASONS.values()}) == len(REASONS)
    assert len({one.what_happened for one in REASONS.values()}) == len(REASONS)


def test_no_login_problem_is_without_an_explanation():
    assert set(LOGIN_PROBLEMS) == set(LoginProblem) - {LoginProblem.NONE}


@pytest.mark.parametrize("problem", LOGIN_PROBLEMS, ids=lambda problem: problem.name.lower())
def test_a_login_problem_names_the_provider_and_says_what_to_do(problem: LoginProblem):
    texts = [
        text.format(provider="Outlook.com", sign_in="Microsoft", setup="Switch IMAP on.")
        for text in astuple(LOGIN_PROBLEMS[problem])
    ]
    title, *sentences = texts
    assert "Outlook.com" in title and not title.endswith(".")
    assert all(len(sentence) >= 40 and sentence.endswith(".") for sentence in sentences)
    assert not [word for word in JARGON for text in texts if word in text]
