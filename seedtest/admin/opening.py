"""The form "New seed test": a marketer's words in, `intake.NewTest` out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Count

from placement import providers
from placement.campaign_headers import PRESETS
from seedtest.admin.message_field import MessageField
from seedtest.admin.widgets import Card, Cards, Checkboxes, Moment
from seedtest.models import OutgoingMessage, SeedAccount, SeedList, SeedTest, SendingProfile, Stream, User, Workspace
from seedtest.models.seedtests import Mode
from seedtest.services import intake

_INPUT = {"class": "st-input"}
DEFAULT_WINDOW = timedelta(hours=2)

MODES = [
    (Mode.ESP, Card("My ESP sends it", "You copy our addresses into a campaign and send it as always.")),
    (Mode.SERVICE, Card("Send it for me", "You give us the message; we send it through your SMTP account.")),
]
CARRIES = [
    ("own", Card("Our own header", "Best, if your ESP lets you add a header. We show you the line to add.")),
    ("esp", Card("A header my ESP writes", "For most ESPs: they mark each campaign themselves.")),
    ("body", Card("A visible line in the message", "We give you a short “Ref: …” line to put at the end of the text.")),
    ("subject", Card("Sender and subject", "Nothing to add; the subject must be used only once in this time.")),
]
_NEEDED = {"esp": ("preset", "header_value"), "subject": ("from_domain", "subject")}
OTHER_HEADER = "other|"
#: Where in the form each complaint of intake belongs; the longest pointer that fits wins.
_FIELDS = {
    "#/name": "name", "#/seed_list": "seed_list", "#/provider_filter": "providers", "#/stream": "stream",
    "#/send_window/starts_at": "window_starts_at", "#/send_window": "window_ends_at", "#/from_domain": "from_domain",
    "#/match/subject": "subject", "#/match/header/name": "header_name", "#/match/header": "header_value",
    "#/sending_profile": "sending_profile", "#/message": "source", "#/policy/min_inbox_rate": "min_inbox",
}  # fmt: skip


def _preset_choices() -> list[Any]:
    grouped = [(one.esp, [(f"{one.esp}|{name}", name) for name in one.headers]) for one in PRESETS]
    return [("", "Choose your ESP and header"), *grouped, ("Something else", [(OTHER_HEADER, "Another header …")])]


class NewTestForm(forms.Form):
    """Everything has a sensible default except name and what the chosen way needs."""

    name = forms.CharField(
        max_length=200, widget=forms.TextInput({**_INPUT, "placeholder": "Spring newsletter, version A"}),
        label="What do you test?",
    )  # fmt: skip
    seed_list = forms.ModelChoiceField(SeedList.objects.none(), required=False, label="To which seeds?")
    providers = forms.MultipleChoiceField(
        required=False, widget=Checkboxes(), label="Only these mailbox providers", help_text="None ticked means all."
    )
    mode = forms.ChoiceField(choices=MODES, initial=Mode.ESP, widget=Cards(), label="How is it sent?")

    window_starts_at = forms.DateTimeField(widget=Moment(), required=False, label="Sent between")
    window_ends_at = forms.DateTimeField(widget=Moment(), required=False, label="and")
    carry = forms.ChoiceField(
        choices=CARRIES, initial="own", widget=Cards(), required=False, label="How do we recognise your message?"
    )
    preset = forms.ChoiceField(required=False, label="ESP and header", widget=forms.Select(_INPUT))
    header_name = forms.CharField(
        required=False, max_length=76, label="Name of the header",
        widget=forms.TextInput({**_INPUT, "placeholder": "X-Campaign-ID"}),
    )  # fmt: skip
    header_value = forms.CharField(
        required=False, max_length=998, label="Its value in this campaign",
        widget=forms.TextInput({**_INPUT, "placeholder": "20261120-spring"}),
        help_text="Send the campaign to yourself and look at “Show original”, or look into your ESP's campaign page.",
    )  # fmt: skip
    is_prefix = forms.BooleanField(required=False, label="The header only begins with this value")
    from_domain = forms.CharField(
        required=False, max_length=253, label="From domain",
        widget=forms.TextInput({**_INPUT, "placeholder": "news.acme.example"}),
    )  # fmt: skip
    subject = forms.CharField(
        required=False, max_length=500, label="Subject, exactly as it is sent", widget=forms.TextInput(_INPUT)
    )

    sending_profile = forms.ModelChoiceField(
        SendingProfile.objects.none(), required=False, label="Send through", empty_label="Choose a sending profile"
    )
    message = forms.ModelChoiceField(
        OutgoingMessage.objects.none(), required=False, label="Which message", empty_label="A new one, given below"
    )
    source = MessageField(required=False)

    stream = forms.ModelChoiceField(
        Stream.objects.none(), required=False, empty_label="None", help_text="Tests of one stream are compared."
    )
    min_inbox = forms.IntegerField(
        required=False, min_value=0, max_value=100, label="Passes with at least … % in the inbox",
        widget=forms.NumberInput({**_INPUT, "placeholder": "90"}),
    )  # fmt: skip
    auth_must_pass = forms.BooleanField(required=False, label="Fails if SPF, DKIM or DMARC fails anywhere")

    def __init__(self, *args: Any, workspace: Workspace, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace, self.now = workspace, now
        self._offer_rows()
        self.fields["preset"].choices = _preset_choices()
        self.fields["providers"].choices = list(self._providers())
        self.initial.setdefault("window_starts_at", now.replace(second=0, microsecond=0))
        self.initial.setdefault("window_ends_at", now.replace(second=0, microsecond=0) + DEFAULT_WINDOW)

    def _offer_rows(self) -> None:
        own = {"workspace": self.workspace}
        rows = {
            "seed_list": SeedList.objects.filter(**own).annotate(count=Count("members")),
            "sending_profile": SendingProfile.objects.filter(**own),
            "message": OutgoingMessage.objects.filter(**own, schedules=None)[:50],
            "stream": Stream.objects.filter(**own),
        }
        for name, found in rows.items():
            self.fields[name].queryset = found
            self.fields[name].widget.attrs.update(_INPUT)
        self.fields["message"].queryset = OutgoingMessage.objects.filter(**own)
        usable = SeedAccount.objects.usable().filter(**own).count()
        self.fields["seed_list"].empty_label = f"All my seeds ({usable})"
        self.fields["seed_list"].label_from_instance = lambda row: f"{row.name}, version {row.version} ({row.count})"

    def _providers(self) -> Iterator[tuple[str, str]]:
        usable = SeedAccount.objects.usable().filter(workspace=self.workspace)
        counted = usable.values_list("mailbox__provider").annotate(count=Count("pk")).order_by("mailbox__provider")
        for provider, count in counted:
            yield provider, f"{providers.get_or_generic(provider).name} ({count})"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("mode") == Mode.SERVICE:
            self._clean_service(cleaned)
        elif cleaned.get("carry") in ("esp", "subject"):
            self._need(cleaned, *_NEEDED[cleaned["carry"]])
        return cleaned

    def _clean_service(self, cleaned: dict[str, Any]) -> None:
        self._need(cleaned, "sending_profile")
        if not cleaned.get("message") and not cleaned.get("source") and "source" not in self.errors:
            self.add_error("source", "Paste the message, choose its .eml file, or take one that you gave before.")

    def _need(self, cleaned: dict[str, Any], *names: str) -> None:
        for name in names:
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "This is needed for the way you have chosen.")
        if "preset" in names and cleaned.get("preset") == OTHER_HEADER and not cleaned.get("header_name"):
            self.add_error("header_name", "Write the name of the header, without the colon.")

    def open(self, user: User) -> SeedTest | None:
        """The opened test, or None with every complaint beside its field."""
        try:
            return intake.open_test(self.workspace, self._new_test(user), now=self.now)
        except intake.IntakeError as error:
            for fault in error.errors:
                self.add_error(self._field_of(fault.pointer), fault.detail)
            return None

    def _field_of(self, pointer: str) -> str | None:
        fitting = [known for known in _FIELDS if pointer == known or pointer.startswith(f"{known}/")]
        return _FIELDS[max(fitting, key=len)] if fitting else None

    def _new_test(self, user: User) -> intake.NewTest:
        data = self.cleaned_data
        service = data["mode"] == Mode.SERVICE
        by_subject = not service and data["carry"] == "subject"
        return intake.NewTest(
            name=data["name"],
            mode=Mode(data["mode"]),
            match=intake.MatchRequest() if service else self._match(),
            stream=None if by_subject else data["stream"],
            from_domain=data["from_domain"] if by_subject else "",
            seed_list=data["seed_list"],
            provider_filter=tuple(data["providers"]),
            window_starts_at=None if service else data["window_starts_at"],
            window_ends_at=None if service else data["window_ends_at"],
            sending_profile=data["sending_profile"] if service else None,
            message=self._message() if service else None,
            policy=self._policy(),
            created_by=user,
        )

    def _match(self) -> intake.MatchRequest:
        data = self.cleaned_data
        if data["carry"] == "esp":
            name = data["header_name"] if data["preset"] == OTHER_HEADER else data["preset"].partition("|")[2]
            given = {"prefix" if data["is_prefix"] else "value": data["header_value"]}
            return intake.MatchRequest(header=name, **given)
        if data["carry"] == "subject":
            return intake.MatchRequest(subject=data["subject"])
        return intake.MatchRequest(in_body=data["carry"] == "body")

    def _message(self) -> OutgoingMessage:
        given = self.cleaned_data.get("source")
        return intake.keep_message(self.workspace, given, now=self.now) if given else self.cleaned_data["message"]

    def _policy(self) -> dict[str, Any]:
        data = self.cleaned_data
        policy: dict[str, Any] = {}
        if data["min_inbox"] is not None:
            policy["min_inbox_rate"] = data["min_inbox"] / 100
        return policy | ({"auth_must_pass": True} if data["auth_must_pass"] else {})
