"""Gmail's tab of a message, from the UIDs that each category search returned."""

from __future__ import annotations

import pytest

from placement.providers.gmail import ANY_TAB_QUERY, TAB_QUERIES, inbox_has_tabs, tab_from_answers
from placement.vocabulary import OBSERVED_TABS, Tab


@pytest.mark.parametrize("tab", [tab for tab, _ in TAB_QUERIES])
def test_the_category_that_holds_the_message_is_its_tab(tab: Tab):
    answers = {asked: {1, 2} for asked, _ in TAB_QUERIES} | {tab: {1, 2, 7}}
    assert tab_from_answers(answers, 7) is tab


def test_a_message_in_a_tab_and_among_the_purchases_is_shown_in_the_tab():
    assert tab_from_answers({Tab.PURCHASES: {7}, Tab.UPDATES: {7}}, 7) is Tab.UPDATES


def test_primary_is_asked_first():
    assert TAB_QUERIES[0] == (Tab.PRIMARY, "category:primary")


def test_a_message_in_no_category_is_unknown():
    assert tab_from_answers({Tab.PRIMARY: {1}, Tab.PROMOTIONS: set()}, 7) is Tab.UNKNOWN
    assert tab_from_answers({}, 7) is Tab.UNKNOWN
    assert tab_from_answers({}, 7, inbox_has_tabs=True) is Tab.UNKNOWN


def test_tabs_are_off_only_when_nothing_in_the_inbox_has_a_category():
    assert tab_from_answers({}, 7, inbox_has_tabs=inbox_has_tabs(matched=0, messages=12)) is Tab.OFF
    assert tab_from_answers({}, 7, inbox_has_tabs=inbox_has_tabs(matched=1, messages=12)) is Tab.UNKNOWN
    assert tab_from_answers({}, 7, inbox_has_tabs=inbox_has_tabs(matched=0, messages=0)) is Tab.UNKNOWN


def test_an_answer_outweighs_the_guess_that_tabs_are_off():
    assert tab_from_answers({Tab.SOCIAL: {7}}, 7, inbox_has_tabs=False) is Tab.SOCIAL


def test_every_question_is_about_a_tab_one_can_see_and_safe_to_quote():
    for tab, query in TAB_QUERIES:
        assert tab in OBSERVED_TABS
        assert query == f"category:{tab.value}"
        assert query in ANY_TAB_QUERY
    # One quoted string on the wire: no quote, backslash, literal or line end may stand in it.
    assert not set(ANY_TAB_QUERY) & set('"\\{}\r\n')
