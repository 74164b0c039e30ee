"""A coloured word: states and placements in lists."""

from __future__ import annotations

from django.utils.html import format_html

from seedtest.admin.words import Badge


def badge(value: Badge) -> str:
    return format_html('<span class="st-badge st-{}" title="{}">{}</span>', value.tone, value.help, value.text)
