"""The world's providers and its twenty mailboxes: each provider is a shape taken from a real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from seedtest.demo import filing, stamps


class Habit(StrEnum):
    """What a mailbox does with mail before any rule is asked."""

    NORMAL = "normal"
    FULL = "full"
    DROPS = "drops"
    SLOW = "slow"


HABITS_IN_WORDS = {
    Habit.FULL: "refuses at RCPT: 550 mailbox full",
    Habit.DROPS: "accepts and drops the message without a word",
    Habit.SLOW: "delivers 20 seconds late",
}


@dataclass(frozen=True)
class Provider:
    """One provider. `folders` maps a name to its SPECIAL-USE attribute ("" = none)."""

    name: str
    catalog_id: str
    domain: str
    rules: tuple[filing.Rule, ...]
    stamp: Callable[[stamps.Arrival], stamps.Stamp]
    seeds: tuple[tuple[str, Habit], ...]
    folders: tuple[tuple[str, str], ...]
    capabilities: tuple[str, ...] = ()
    delimiter: str = "/"
    has_object_ids: bool = False
    copies_to: str = ""  # a folder that repeats everything but junk

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(f"{name}@{self.domain}" for name, _habit in self.seeds)

    def can(self, capability: str) -> bool:
        return capability in self.capabilities


@dataclass(frozen=True)
class RuleLine:
    """One line of the printed table: what this provider does, and when."""

    provider: str
    when: str
    outcome: str


def _all_normal(*names: str) -> tuple[tuple[str, Habit], ...]:
    return tuple((name, Habit.NORMAL) for name in names)


PROVIDERS = (
    Provider(
        name="Northmail",
        catalog_id="gmail",
        domain="northmail.example",
        rules=filing.NORTHMAIL,
        stamp=stamps.gmail,
        seeds=_all_normal("ada", "bruno", "clara", "dario", "elena"),
        folders=(
            ("[Gmail]/All Mail", "All"),
            ("[Gmail]/Drafts", "Drafts"),
            ("[Gmail]/Important", "Important"),
            ("[Gmail]/Sent Mail", "Sent"),
            ("[Gmail]/Spam", "Junk"),
            ("[Gmail]/Starred", "Flagged"),
            ("[Gmail]/Trash", "Trash"),
        ),
        capabilities=("X-GM-EXT-1", "SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS", "UNSELECT"),
        copies_to="[Gmail]/All Mail",
    ),
    Provider(
        name="Skylook",
        catalog_id="outlook_com",
        domain="skylook.example",
        rules=filing.SKYLOOK,
        stamp=stamps.microsoft,
        seeds=(*_all_normal("finn", "greta", "hugo"), ("ines", Habit.DROPS)),
        folders=(
            ("Archive", ""),
            ("Deleted", ""),
            ("Drafts", ""),
            ("Junk Email", ""),
            ("Notes", ""),
            ("Outbox", ""),
            ("Sent", ""),
        ),
        capabilities=("UNSELECT",),
    ),
    Provider(
        name="Purplepost",
        catalog_id="yahoo",
        domain="purplepost.example",
        rules=filing.PURPLEPOST,
        stamp=stamps.yahoo,
        seeds=(*_all_normal("iris", "june", "kasimir", "lotte"), ("milo", Habit.SLOW)),
        folders=(
            ("Archive", "Archive"),
            ("Bulk", "Junk"),
            ("Draft", "Drafts"),
            ("Sent", "Sent"),
            ("Trash", "Trash"),
        ),
        capabilities=("SPECIAL-USE", "NAMESPACE", "UNSELECT"),
        has_object_ids=True,
    ),
    Provider(
        name="Postbote",
        catalog_id="gmx",
        domain="postbote.example",
        rules=filing.POSTBOTE,
        stamp=stamps.gmx,
        seeds=(*_all_normal("nora", "oskar"), ("paul", Habit.FULL)),
        folders=(
            ("Entwürfe", ""),
            ("Gelöscht", ""),
            ("Gesendet", ""),
            ("OUTBOX", ""),
            ("Spamverdacht", ""),
        ),
    ),
    Provider(
        name="Hostgarden",
        catalog_id="cpanel_dovecot",
        domain="hostgarden.example",
        rules=filing.HOSTGARDEN,
        stamp=stamps.cpanel,
        seeds=_all_normal("rosa", "sven", "tilda"),
        folders=(
            ("INBOX.Archive", ""),
            ("INBOX.Drafts", ""),
            ("INBOX.Sent", ""),
            ("INBOX.Trash", ""),
            ("INBOX.spam", ""),
        ),
        capabilities=("LIST-EXTENDED", "LIST-STATUS", "NAMESPACE", "UNSELECT"),
        delimiter=".",
    ),
)
BY_DOMAIN = {provider.domain: provider for provider in PROVIDERS}


def password(address: str) -> str:
    """The same at every start, so that a demo database survives the world's restart."""
    return f"{address.partition('@')[0]}-demo-mailbox"


def rule_lines() -> tuple[RuleLine, ...]:
    """Everything that decides where the demo's mail lands, in the order it is asked."""
    return tuple(line for provider in PROVIDERS for line in (*_habit_lines(provider), *_rules_of(provider)))


def _habit_lines(provider: Provider) -> list[RuleLine]:
    odd = [(name, habit) for name, habit in provider.seeds if habit is not Habit.NORMAL]
    return [RuleLine(provider.name, f"to {name}", HABITS_IN_WORDS[habit]) for name, habit in odd]


def _rules_of(provider: Provider) -> list[RuleLine]:
    return [RuleLine(provider.name, _when(rule), _outcome(rule)) for rule in provider.rules]


def _when(rule: filing.Rule) -> str:
    return f"{rule.when} (only {' and '.join(sorted(rule.only))})" if rule.only else rule.when


def _outcome(rule: filing.Rule) -> str:
    return f"{rule.folder}, tab {rule.tab}" if rule.tab else rule.folder
