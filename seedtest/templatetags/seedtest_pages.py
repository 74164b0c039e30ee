"""Filters for the pages: moments with their zone, and spans of time as people say them."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone

register = template.Library()


@register.filter
def when(value: datetime | None) -> str:
    """22 Nov 2026, 14:05 CET — in the workspace's zone, and naming it."""
    if not value:
        return ""
    try:
        moment = timezone.localtime(value)
    except OverflowError:  # a message may say it came in the last hour of the year 9999, which is 10000 elsewhere
        moment = value
    return f"{moment:%-d %b %Y, %H:%M %Z}"


@register.filter
def span(seconds: float | None) -> str:
    """Seconds as 8 s, 3 min, 2 h."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@register.filter
def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


@register.simple_tag
def zone() -> str:
    return timezone.get_current_timezone_name()
