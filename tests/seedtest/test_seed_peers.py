"""What seeds say of each other: agreement, mail that goes elsewhere or away, and what controls say of them."""

from __future__ import annotations

import pytest

from seedtest.reports import control_words, peers
from seedtest.reports.peers import Campaign, Observation

NOTHING_KNOWN: frozenset[tuple[str, str]] = frozenset()


def campaign(*placements: str, test: int = 1, provider: str = "gmail"):
    """Seed 1 stands first, seed 2 second … A placement may name its folder: other/Shopping; gone/inbox went away."""
    return Campaign(test, tuple(_observed(seed, provider, said) for seed, said in enumerate(placements, 1)))


def _observed(seed: int, provider: str, said: str) -> Observation:
    if said.startswith("gone/"):
        return Observation(seed, provider, said.removeprefix("gone/"), gone=True)
    placement, _, folder = said.partition("/")
    return Observation(seed, provider, placement, folder)


def test_agreement_is_the_share_of_tests_in_which_a_seed_stood_with_most_of_its_siblings():
    campaigns = [campaign("spam", "inbox", "inbox", "inbox"), campaign("inbox", "inbox", "inbox", "spam")]
    assert peers.agreement(campaigns)[1] == (0.5, 2)
    assert peers.agreement(campaigns)[2] == (1.0, 2)


def test_one_sibling_is_no_majority():
    assert peers.agreement([campaign("spam", "inbox")]) == {}


def test_siblings_that_are_split_say_nothing():
    assert 1 not in peers.agreement([campaign("spam", "inbox", "spam")])


def test_seeds_that_could_not_be_looked_into_are_not_asked():
    assert 1 not in peers.agreement([campaign("unknown", "inbox", "inbox")])


def test_a_folder_that_only_one_seed_files_into_is_odd():
    twice = [campaign("other/Shopping", "inbox", "inbox"), campaign("other/Shopping", "inbox", "spam")]
    assert peers.odd_folders(twice, NOTHING_KNOWN) == {1: ("Shopping",)}
    assert peers.odd_folders(twice[:1], NOTHING_KNOWN) == {}


def test_a_folder_that_most_seeds_of_the_provider_use_is_the_providers():
    assert peers.odd_folders([campaign("other/Unbekannt", "other/Unbekannt", "inbox")] * 2, NOTHING_KNOWN) == {}


def test_a_folder_of_the_providers_own_filter_is_no_rule_of_a_person_even_of_a_lone_seed():
    twice = [campaign("other/Unbekannt", provider="webde")] * 2
    assert peers.odd_folders(twice, frozenset({("webde", "Unbekannt")})) == {}
    assert peers.odd_folders(twice, NOTHING_KNOWN) == {1: ("Unbekannt",)}


def test_messages_that_go_from_one_seed_only_have_vanished_there():
    assert peers.vanished([campaign("gone/inbox", "inbox", "inbox")] * 6) == {1: (6, 6)}


def test_messages_that_go_from_most_seeds_have_vanished_nowhere():
    assert 1 not in peers.vanished([campaign("gone/inbox", "gone/inbox", "gone/spam")] * 3)


def test_a_seed_that_files_a_good_control_as_spam_is_biased():
    words = control_words.last_words([campaign("spam", "inbox", "inbox")])
    assert [words[seed].biased for seed in (1, 2, 3)] == [True, False, False]


def test_a_control_that_is_bad_everywhere_makes_nobody_biased():
    words = control_words.last_words([campaign("spam", "spam", "spam", "inbox")])
    assert not any(word.biased for word in words.values())


def test_the_newest_control_decides():
    controls = [campaign("inbox", "inbox", "inbox"), campaign("spam", "inbox", "inbox")]
    assert control_words.last_words(controls)[1].biased is False


def test_a_control_that_did_not_arrive_says_nothing_of_the_folder():
    controls = [campaign("missing", "inbox", "inbox"), campaign("spam", "inbox", "inbox")]
    assert control_words.last_words(controls)[1].biased is True


@pytest.mark.parametrize("how", ["missing", "rejected"])
def test_controls_that_only_the_siblings_got_are_counted_up_to_the_newest(how):
    lost = campaign(how, "inbox", "inbox")
    assert control_words.misses([lost, lost, campaign("inbox", "inbox", "inbox"), lost]) == {1: 2}


def test_a_control_that_nobody_got_is_held_against_no_seed():
    assert control_words.misses([campaign("missing", "missing", "missing")]) == {}
