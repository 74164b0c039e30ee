"""The health of a seed as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from seedtest.api.fields import Moment
from seedtest.models import Mailbox, OAuthCredential, SeedAccount, SeedHealth
from seedtest.reports.seed_words import tell


class ProblemOfSeed(serializers.Serializer[Any]):
    code = serializers.CharField()
    weight = serializers.CharField(help_text="excludes, degrades or note")
    title = serializers.CharField()
    means = serializers.CharField()
    next_step = serializers.CharField()
    seen_by = serializers.CharField()


class HealthDocument(serializers.Serializer[SeedHealth]):
    """Judged every few minutes. Null where nobody has judged the seed yet."""

    state = serializers.CharField(help_text="new, healthy, degraded, needs_sign_in, quarantined or off")
    since = Moment()
    checked_at = Moment()
    excluded = serializers.BooleanField(help_text="Left out of new tests and of exports.")
    biased = serializers.BooleanField(help_text="Files known-good mail as spam: stands apart in reports.")
    problems = serializers.SerializerMethodField()
    agreement = serializers.FloatField(
        allow_null=True, help_text="Share of tests in which it stood where most of its siblings stood."
    )
    agreement_n = serializers.IntegerField()
    last_good_poll_at = Moment(source="seed_account.mailbox.last_good_poll_at", allow_null=True)
    failures = serializers.SerializerMethodField(help_text="Looks in a row that failed.")
    backoff_until = serializers.SerializerMethodField(help_text="Not tried again before.")
    quota_used = serializers.FloatField(source="seed_account.mailbox.quota_used", allow_null=True, help_text="0 to 1")
    window_used = serializers.FloatField(
        source="seed_account.mailbox.window_used", allow_null=True, help_text="0 to 1: messages of a folder IMAP shows"
    )
    newest_message_at = Moment(allow_null=True)
    connected_at = serializers.SerializerMethodField(help_text="When a person last signed in, where it is read so.")
    token_expires_at = serializers.SerializerMethodField(help_text="Of the present token; it is renewed by itself.")
    web_login_at = serializers.SerializerMethodField(help_text="As a person has noted it.")
    control_seen_at = Moment(allow_null=True)
    control_placement = serializers.CharField()

    @extend_schema_field(ProblemOfSeed(many=True))
    def get_problems(self, health: SeedHealth) -> Any:
        return ProblemOfSeed(tell(health.problems, lent=health.seed_account.is_lent), many=True).data

    def get_failures(self, health: SeedHealth) -> int:
        mailbox = health.seed_account.mailbox
        return mailbox.fail_count + mailbox.auth_fail_count

    @extend_schema_field(Moment(allow_null=True))
    def get_connected_at(self, health: SeedHealth) -> str | None:
        return _owners(health.seed_account, lambda mailbox: mailbox.oauth.connected_at)

    @extend_schema_field(Moment(allow_null=True))
    def get_token_expires_at(self, health: SeedHealth) -> str | None:
        return _owners(health.seed_account, lambda mailbox: mailbox.oauth.expires_at)

    @extend_schema_field(Moment(allow_null=True))
    def get_web_login_at(self, health: SeedHealth) -> str | None:
        return _owners(health.seed_account, lambda mailbox: mailbox.web_login_at)

    @extend_schema_field(Moment(allow_null=True))
    def get_backoff_until(self, health: SeedHealth) -> str | None:
        mailbox = health.seed_account.mailbox
        moments = [one for one in (mailbox.backoff_until, mailbox.auth_backoff_until) if one]
        return Moment().to_representation(max(moments)) if moments else None


def _owners(seed: SeedAccount, read: Callable[[Mailbox], datetime | None]) -> str | None:
    """Null where the mailbox is lent: how its owner signs in is nobody else's business."""
    try:
        moment = None if seed.is_lent else read(seed.mailbox)
    except OAuthCredential.DoesNotExist:
        return None
    return Moment().to_representation(moment) if moment else None


def health_of(seed: SeedAccount) -> dict[str, Any] | None:
    health = getattr(seed, "health", None)
    if health is None:
        return None
    health.seed_account = seed  # its mailbox is read already
    return dict(HealthDocument(health).data)
