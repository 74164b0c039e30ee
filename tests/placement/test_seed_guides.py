"""Every provider that can hold a seed has a page that says how, and the page says what the catalogue says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from placement import providers
from placement.providers import Auth, AuthMethod, Kind, Provider, Requirement, Step
from placement.providers.reader import sources
from placement.providers.seed_guides import guide, guides

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "seeds"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SETTINGS = (DOCS / "settings.md").read_text(encoding="utf-8")
MAILBOXES = [one for one in providers.all_providers() if one.has_mailboxes]
#: What a step may begin with: it tells a person to do something. A remark ("Only 2 codes at once") is no step.
DOING = re.compile(
    r"(Add|Ask|Change|Check|Choose|Click|Confirm|Copy|Enter|Expect|Find|Get|Give|Install|Keep|Leave|Look|Make|Name|Open"
    r"|Order|Point|Press|Prove|Register|Run|Send|Set|Sign|Skip|Solve|Switch|Take|Tick|Try|Type|Use|Wait)\b"
)
OAUTH_NEEDED = frozenset({Requirement.OAUTH2, Requirement.OAUTH2_OR_APP_PASSWORD})


def every(entries: list[Provider]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("provider", entries, ids=lambda one: one.id)


def of(provider_id: str) -> str:
    return guide(providers.get(provider_id))


def section(page: str, title: str) -> str:
    found = re.search(rf"^## (?:\d\. )?{title}.*?\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def steps_of(provider: Provider) -> list[Step]:
    auth, oauth = provider.auth, provider.oauth
    app_only = oauth.app_only.steps if oauth and oauth.app_only else ()
    return [*auth.create, *auth.steps, *auth.app_password, *(oauth.steps if oauth else ()), *app_only]


def test_the_pages_are_the_catalogue():
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md") if path.name != "README.md"}
    assert kept == guides(providers.all_providers()), (
        "docs/seeds is old: python -m placement.providers.seed_guides docs/seeds"
    )


@every(MAILBOXES)
def test_a_page_says_how_to_create_to_sign_in_and_to_check_and_what_to_leave_empty(provider: Provider):
    titles = re.findall(r"^## (?:\d\. )?(\w+)", guide(provider), re.MULTILINE)
    assert [one for one in ("Create", "Let", "Leave", "Add", "Check", "Keep") if one not in titles] == []


@every(MAILBOXES)
def test_the_catalogue_holds_the_steps_of_every_provider(provider: Provider):
    auth = provider.auth
    assert auth.create and auth.steps and auth.leave_empty
    assert bool(auth.app_password) == (AuthMethod.APP_PASSWORD in auth.methods)
    if provider.kind is not Kind.ISP and provider.id != "cpanel_dovecot":
        assert auth.sign_up


@every(MAILBOXES)
def test_a_step_tells_what_to_do(provider: Provider):
    assert [step.text for step in steps_of(provider) if not DOING.match(step.text)] == []


@every(MAILBOXES)
def test_a_step_names_a_source_its_entry_names(provider: Provider):
    keys = {step.source for step in (*steps_of(provider), *provider.auth.leave_empty) if step.source in sources()}
    assert keys <= set(provider.sources)


@every(MAILBOXES)
def test_a_step_that_nobody_verified_says_so(provider: Provider):
    page = guide(provider)
    for step in (*steps_of(provider), *provider.auth.leave_empty):
        (line,) = {one for one in page.splitlines() if step.text.rstrip(".") in one}
        assert ("*(unverified" in line) != step.verified
        assert not step.source or step.source in line


@every(MAILBOXES)
def test_no_page_gives_up(provider: Provider):
    assert "Nothing is known" not in guide(provider)


def test_an_entry_that_says_no_steps_still_says_what_to_look_for():
    bare = replace(providers.get("posteo"), auth=Auth(Requirement.PASSWORD, (AuthMethod.PASSWORD,)), domains=())
    assert "Look in the web mail's settings for «POP/IMAP»" in section(guide(bare), "Let IMAP in")


@every([one for one in MAILBOXES if one.auth.required in OAUTH_NEEDED])
def test_a_provider_that_wants_an_app_tells_how_to_register_one(provider: Provider):
    assert provider.oauth is not None
    text = " ".join(step.text for step in provider.oauth.steps)
    assert "/admin/seedtest/mailbox/connected/" in text and "/admin/seedtest/mailbox/connected/" in SETTINGS


@every([one for one in MAILBOXES if one.oauth and one.oauth.steps])
def test_the_settings_a_page_names_are_settings(provider: Provider):
    named = set(re.findall(r"\bOAUTH_[A-Z_]+", section(guide(provider), "OAuth app")))
    assert named and all(f"`{one}`" in SETTINGS for one in named)


@every([one for one in MAILBOXES if one.oauth and "accounts.google.com" in one.oauth.authorize])
def test_google_pages_warn_of_apps_in_testing(provider: Provider):
    assert "after 7 days" in guide(provider)


def test_microsoft_asks_for_delegated_permissions_under_graph():
    for page in (of("outlook_com"), of("microsoft_365")):
        app = section(page, "OAuth app")
        assert "Microsoft Graph > Delegated permissions" in app and "Office 365 Exchange Online" not in app
        assert "`IMAP.AccessAsUser.All`" in app and "`offline_access`" in app


def test_the_application_of_a_company_has_its_own_section_at_microsoft_365_alone():
    text = section(of("microsoft_365"), "Instead")
    for one in ("Office 365 Exchange Online", "IMAP.AccessAsApp", "New-ServicePrincipal", "Add-MailboxPermission"):
        assert one in text
    assert "tenant" in text and "admin consent" in text
    assert [one.id for one in MAILBOXES if "Add-MailboxPermission" in guide(one)] == ["microsoft_365"]


def test_only_outlook_com_speaks_of_personal_microsoft_accounts():
    assert "Personal Microsoft accounts only" in of("outlook_com")
    assert "ersonal Microsoft accounts" not in of("microsoft_365")


def test_a_bridge_on_this_machine_is_allowed_and_its_certificate_trusted():
    text = section(of("proton"), "Add it")
    assert "`NETGUARD_ALLOW=127.0.0.1:1143`" in text and "own CA certificate" in text
    assert "cert export" in of("proton")


def test_an_address_of_any_subdomain_is_written_as_one():
    assert "`@your-name.onmicrosoft.com`" in of("microsoft_365") and "`@." not in of("microsoft_365")


@every([one for one in MAILBOXES if one.kind in (Kind.BUSINESS, Kind.HOSTING)])
def test_an_address_of_ones_own_domain_has_to_be_told_whose_it_is(provider: Provider):
    assert f"choose «{provider.name}»" in section(guide(provider), "Add it")


def test_an_app_password_is_asked_for_only_where_the_password_is_refused():
    wanted = {"gmail", "yahoo", "icloud", "netease", "naver"}
    assert [one for one in sorted(wanted) if "address and app password" not in of(one)] == []
    assert "address and password" in of("gmx") and "address and password" in of("posteo")


@every([one for one in MAILBOXES if one.auth.required == "oauth2"])
def test_a_provider_that_takes_no_password_asks_for_none(provider: Provider):
    added = section(guide(provider), "Add it")
    assert "«Connect»" in added and "password" not in added


def test_the_front_page_leads_to_every_page_and_to_no_other():
    linked = set(re.findall(r"\]\((\w+)\.md\)", README))
    assert linked == {one.id for one in MAILBOXES}


def test_the_front_page_warns_of_what_loses_all_seeds():
    assert '"Testing"' in README and "7 days" in README and "Twenty logins" in README


def test_the_starter_sets_have_20_to_25_seeds_over_5_or_6_providers_that_anybody_can_join():
    sets = re.findall(r"ends with (.+?); one in Germany with (.+?)\. These", " ".join(README.split()))[0]
    for text in sets:
        chosen = re.findall(r"\((\w+)\.md\) (\d)", text)
        assert 5 <= len(chosen) <= 6 and 20 <= sum(int(count) for _, count in chosen) <= 25
        assert Kind.ISP not in {providers.get(provider_id).kind for provider_id, _ in chosen}


def test_the_table_of_the_starter_set_is_one():
    rows = re.findall(r"^\| [^|]+ \| (?:each )?(\d) \| (\d) \|", README, re.MULTILINE)
    assert 5 <= sum(int(count) for count, _ in rows) <= 6
    assert 20 <= sum(int(count) * int(seeds) for count, seeds in rows) <= 25
