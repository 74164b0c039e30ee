"""A wrong TOML is refused with a sentence that names the file, the field and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from placement import providers
from placement.errors import CatalogError

GOOD = """
id = "hill"
name = "Hill Mail"
kind = "consumer"
country = "AT"
domains = ["hill.example"]
mx_suffixes = ["mx.hill.example"]
junk_names = ["Spam"]
tabs = "folders"
authserv_ids = ['mx\\d+\\.hill\\.example']
unverified = ["subaddress"]
sources = ["https://help.hill.example/imap"]

[imap]
host = "imap.hill.example"
port = 993
tls = "ssl"

[auth]
required = "password"
methods = ["password"]

[ar_style]
position = "above"

[[category_folders]]
name = "Offers"
tab = "promotions"
"""

METHODS = 'methods = ["password"]'
VERIFIED = '{ text = "Open it.", verified = true }'
STRANGER = '{ text = "Open it.", source = "hearsay" }'

#: (what, the text to replace, by what, the field that must be named, words of the complaint)
BROKEN = [
    ("missing_host", 'host = "imap.hill.example"', "", "imap.host", "is missing"),
    ("empty_host", '"imap.hill.example"', '" "', "imap.host", "is empty"),
    ("host_with_a_scheme", '"imap.hill.example"', '"imaps://imap.hill.example"', "imap.host", "no host name"),
    ("no_imap", "[imap]", "[pop3]", "imap", "is missing"),
    ("port_too_high", "port = 993", "port = 99300", "imap.port", "between 1 and 65535"),
    ("port_as_text", "port = 993", 'port = "993"', "imap.port", "a whole number"),
    ("port_as_flag", "port = 993", "port = true", "imap.port", "a whole number"),
    ("unknown_tls", 'tls = "ssl"', 'tls = "tls"', "imap.tls", "known are ssl, starttls"),
    ("unknown_kind", '"consumer"', '"private"', "kind", "known are consumer"),
    ("no_methods", 'methods = ["password"]', "methods = []", "auth.methods", "is empty"),
    ("unknown_method", 'methods = ["password"]', 'methods = ["plain"]', "auth.methods[0]", "is unknown"),
    ("steps_as_text", METHODS, f'{METHODS}\nsteps = "Open it."', "auth.steps", "a list"),
    ("empty_step", METHODS, f'{METHODS}\nsteps = [" "]', "auth.steps[0]", "must be a text"),
    ("step_of_a_number", METHODS, f"{METHODS}\ncreate = [1]", "auth.create[0]", "must be a text"),
    ("step_without_text", METHODS, f"{METHODS}\nsteps = [{{ verified = true }}]", "auth.steps[0].text", "is missing"),
    ("verified_by_nobody", METHODS, f"{METHODS}\nsteps = [{VERIFIED}]", "auth.steps[0].source", "who told this step"),
    ("step_by_a_stranger", METHODS, f"{METHODS}\nsteps = [{STRANGER}]", "auth.steps[0].source", "no key of sources"),
    ("app_password_alone", METHODS, f'{METHODS}\napp_password = ["Make one."]', "auth.app_password", "goes with"),
    ("sign_up_without_https", METHODS, f'{METHODS}\nsign_up = "hill.example"', "auth.sign_up", "https://"),
    ("oauth_absent", 'methods = ["password"]', 'methods = ["xoauth2"]', "oauth", "is missing"),
    ("broken_regex", "'mx\\d+\\.hill\\.example'", "'mx('", "authserv_ids[0]", "no regular expression"),
    ("nested_repeat", "'mx\\d+\\.hill\\.example'", "'([a-z]+)*z'", "authserv_ids[0]", "exponential time"),
    ("counted_repeat", "'mx\\d+\\.hill\\.example'", "'(?:[a-z]+){9}z'", "authserv_ids[0]", "exponential"),
    ("back_reference", "'mx\\d+\\.hill\\.example'", "'(a)\\1z'", "authserv_ids[0]", "back-reference"),
    ("look_ahead", "'mx\\d+\\.hill\\.example'", "'(?=mx)mx1z'", "authserv_ids[0]", "group other than"),
    ("many_repeats", "'mx\\d+\\.hill\\.example'", "'a*a*a*a*z'", "authserv_ids[0]", "4 repeats"),
    ("believes_all", "'mx\\d+\\.hill\\.example'", "'.*'", "authserv_ids[0]", "would believe"),
    ("unknown_tab", 'tab = "promotions"', 'tab = "offers"', "category_folders[0].tab", "is unknown"),
    ("no_real_tab", 'tab = "promotions"', 'tab = "off"', "category_folders[0].tab", "no tab"),
    ("tabs_disagree", 'tabs = "folders"', 'tabs = "none"', "category_folders", "only with it"),
    ("utf7_name", '["Spam"]', '["&BCEEPwQwBDw-"]', "junk_names[0]", "modified UTF-7"),
    ("number_in_list", '["Spam"]', "[7]", "junk_names[0]", "must be a text"),
    ("list_as_text", '["Spam"]', '"Spam"', "junk_names", "must be a list"),
    ("typing_error", "junk_names", "junk_name", "junk_name", "no field of the catalogue"),
    ("typing_error_within", "port = 993", "prot = 993", "imap.prot", "no field of the catalogue"),
    ("country", '"AT"', '"Austria"', "country", "ISO 3166"),
    ("remark_on_nothing", '["subaddress"]', '["hearsay"]', "unverified[0]", "field of the catalogue"),
    ("unknown_source", '"https://help.hill.example/imap"', '"a friend"', "sources[0]", "sources.toml"),
    ("unknown_platform", 'country = "AT"', 'platform = "valley"', "platform", "no id"),
    ("no_position", 'position = "above"', "", "ar_style.position", "is missing"),
    ("not_toml", "[imap]", "[imap", "file", "no valid TOML"),
]


def write(folder: Path, text: str, name: str = "hill.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_unbroken_file_is_read(tmp_path: Path):
    write(tmp_path, GOOD)
    assert providers.load([tmp_path]).get("hill").wrote("MX7.hill.example")


@pytest.mark.parametrize(("old", "new", "field", "words"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_broken_file_is_named_with_its_field(tmp_path: Path, old: str, new: str, field: str, words: str):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(CatalogError) as caught:
        providers.load([path])
    assert str(caught.value).startswith(f"hill.toml: {field}: ")
    assert words in str(caught.value)
    assert caught.value.permanent


@pytest.mark.parametrize("taken", ["gmail", "generic"])
def test_an_id_that_is_taken_is_refused(tmp_path: Path, taken: str):
    write(tmp_path, GOOD.replace('"hill"', f'"{taken}"'), f"{taken}.toml")
    with pytest.raises(CatalogError, match=rf"^{taken}\.toml: id: '{taken}' is taken"):
        providers.load([tmp_path])


def test_a_file_is_called_after_its_id(tmp_path: Path):
    write(tmp_path, GOOD, "mountain.toml")
    with pytest.raises(CatalogError, match=r"^mountain\.toml: id: is 'hill'.*must be called hill\.toml"):
        providers.load([tmp_path])


def test_a_domain_of_somebody_else_is_refused(tmp_path: Path):
    write(tmp_path, GOOD.replace('"hill.example"', '"gmail.com"', 1))
    with pytest.raises(CatalogError, match=r"^hill\.toml: domains: 'gmail\.com' already belongs to gmail"):
        providers.load([tmp_path])


def test_a_shared_mx_without_a_platform_is_refused_with_the_remedy(tmp_path: Path):
    write(tmp_path, GOOD.replace('"mx.hill.example"', '"yahoodns.net"'))
    with pytest.raises(CatalogError, match=r'^hill\.toml: mx_suffixes: .*platform = "yahoo"'):
        providers.load([tmp_path])


def test_a_gateway_with_a_mailbox_is_refused(tmp_path: Path):
    write(tmp_path, GOOD.replace('"consumer"', '"gateway"'))
    with pytest.raises(CatalogError, match=r"^hill\.toml: (imap|auth\.required): .*gateway"):
        providers.load([tmp_path])


@pytest.mark.parametrize("size", [300_000, 2_000_000])
def test_a_huge_file_is_refused(tmp_path: Path, size: int):
    write(tmp_path, GOOD + "#" * size)
    with pytest.raises(CatalogError, match=r"^hill\.toml: file: is larger"):
        providers.load([tmp_path])


def test_a_file_in_another_encoding_is_refused(tmp_path: Path):
    (tmp_path / "hill.toml").write_bytes(GOOD.replace("Hill Mail", "Hügel").encode("latin-1"))
    with pytest.raises(CatalogError, match=r"^hill\.toml: file: is not UTF-8"):
        providers.load([tmp_path])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(CatalogError, match=r"^absent: file: there is no such file or folder"):
        providers.load([tmp_path / "absent"])
