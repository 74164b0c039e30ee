"""What seeds say of each other: agreement, addresses that are not on the list, biased seeds."""

from __future__ import annotations

from seedtest.reports import peers
from seedtest.reports.peers import Campaign, Observation


def campaign(*placements: str, test: int = 1, domain: str = "brand.example", esp: bool = True, provider: str = "gmail"):
    """Seed 1 stands first, seed 2 second …"""
    seen = tuple(Observation(seed, provider, placement) for seed, placement in enumerate(placements, 1))
    return Campaign(test, domain, esp, seen)


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


def test_three_campaigns_that_passed_a_seed_over_say_it_is_not_on_the_list():
    three = [campaign("missing", "inbox", "spam", test=number) for number in range(3)]
    assert peers.unlisted(three) == {1: ("brand.example",)}
    assert peers.unlisted(three[:2]) == {}


def test_one_campaign_of_the_three_that_reached_it_clears_the_seed():
    campaigns = [campaign("missing", "inbox", test=1), campaign("spam", "inbox", test=2), campaign("missing", "inbox")]
    assert peers.unlisted(campaigns) == {}


def test_only_the_last_three_campaigns_of_a_domain_count():
    old = campaign("inbox", "inbox", test=9)
    assert peers.unlisted([*(campaign("missing", "inbox", test=n) for n in range(3)), old]) == {1: ("brand.example",)}


def test_other_from_domains_are_counted_apart():
    campaigns = [campaign("missing", "inbox", domain=f"{name}.example") for name in ("a", "b", "c")]
    assert peers.unlisted(campaigns) == {}


def test_where_the_siblings_got_nothing_either_the_list_is_not_blamed():
    assert peers.unlisted([campaign("missing", "missing", "inbox", test=number) for number in range(3)]) == {}


def test_messages_we_sent_ourselves_say_nothing_of_a_list():
    assert peers.unlisted([campaign("missing", "inbox", esp=False) for _ in range(3)]) == {}


def test_a_seed_without_siblings_is_held_against_all_others():
    lone = Observation(1, "yahoo", "missing")
    others = tuple(Observation(seed, "gmail", "inbox") for seed in (2, 3))
    campaigns = [Campaign(number, "brand.example", True, (lone, *others)) for number in range(3)]
    assert peers.unlisted(campaigns) == {1: ("brand.example",)}


def test_a_seed_that_files_a_good_control_as_spam_is_biased():
    assert peers.biased([campaign("spam", "inbox", "inbox")]) == {1: True, 2: False, 3: False}


def test_a_control_that_is_bad_everywhere_makes_nobody_biased():
    assert not any(peers.biased([campaign("spam", "spam", "spam", "inbox")]).values())


def test_the_newest_control_decides():
    assert peers.biased([campaign("inbox", "inbox", "inbox"), campaign("spam", "inbox", "inbox")])[1] is False


def test_a_control_that_did_not_arrive_says_nothing():
    newest = campaign("missing", "inbox", "inbox")
    assert peers.biased([newest, campaign("spam", "inbox", "inbox")])[1] is True
