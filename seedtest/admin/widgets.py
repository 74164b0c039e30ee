"""Form widgets of our own: boxes to tick in readable groups, choices as cards, moments in the workspace's zone."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.forms.models import ModelChoiceIterator


class Checkboxes(forms.CheckboxSelectMultiple):
    template_name = "seedtest/widgets/checkboxes.html"


@dataclass(frozen=True, slots=True)
class Card:
    """The label of one choice."""

    title: str
    sentence: str


class Cards(forms.RadioSelect):
    """A few choices, each a `Card`."""

    template_name = "seedtest/widgets/cards.html"


class Moment(forms.DateTimeInput):
    """One field for date and time, in the zone the page names."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": "st-input st-moment"}, format="%Y-%m-%dT%H:%M")


class GroupedIterator(ModelChoiceIterator):
    """Choices under a heading: `field.group(row)` names it."""

    def __iter__(self):  # type: ignore[no-untyped-def]
        groups: dict[str, list[tuple[object, str]]] = {}
        for row in self.queryset:
            groups.setdefault(self.field.group(row), []).append(self.choice(row))
        yield from groups.items()
