"""TLS: verified, never downgraded, nothing believed that came before the handshake."""

from __future__ import annotations

import pytest

from placement.errors import ConnectFailed, ProtocolError
from placement.mailbox import ImapMailbox, Login, shared_ssl_context
from tests.fakes import BARE, PASSWORD, ScriptedImapServer, dial
from tests.live.servers.certificates import make_certificates

HOST = "imap.mail.example"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"), [HOST])


@pytest.fixture
def context(certificates):
    return shared_ssl_context(str(certificates.ca))


def open_with(server: ScriptedImapServer, tls: str, context=None, host: str = HOST) -> ImapMailbox:
    where = Login(host, server.port, tls, "seed", PASSWORD)
    return ImapMailbox.open(where, dial=dial, deadline_seconds=5, ssl_context=context)


def serve(certificates, **changes: object) -> ScriptedImapServer:
    return ScriptedImapServer(certificate=(certificates.certificate, certificates.key), **changes)


def test_a_certificate_for_the_configured_host_is_accepted(certificates, context):
    with serve(certificates, tls_at_once=True) as server, open_with(server, "ssl", context):
        pass
    assert server.verbs()[0] == "LOGIN"


def test_a_certificate_for_another_host_is_refused_before_the_login(certificates, context):
    with (
        serve(certificates, tls_at_once=True) as server,
        pytest.raises(ConnectFailed, match="certificate is not valid"),
    ):
        open_with(server, "ssl", context, host="imap.other.example")
    assert server.commands == []


def test_an_unknown_authority_is_refused_by_default(certificates):
    with (
        serve(certificates, tls_at_once=True) as server,
        pytest.raises(ConnectFailed, match="certificate is not valid"),
    ):
        open_with(server, "ssl")
    assert server.commands == []


def test_a_server_that_speaks_no_tls_is_a_failed_connection(context):
    with ScriptedImapServer() as server, pytest.raises(ConnectFailed):
        open_with(server, "ssl", context)
    assert not any(PASSWORD.encode() in command for command in server.commands)


def test_starttls_comes_before_the_login(certificates, context):
    with (
        serve(certificates, capabilities="IMAP4rev1 STARTTLS") as server,
        open_with(server, "starttls", context),
    ):
        pass
    assert server.verbs()[:3] == ["STARTTLS", "CAPABILITY", "LOGIN"]


def test_starttls_refused_is_an_error_and_never_a_plain_login(context):
    refusing = {"STARTTLS": b"%(tag)s NO not today\r\n"}
    with (
        ScriptedImapServer(capabilities="IMAP4rev1 STARTTLS", answers=refusing) as server,
        pytest.raises(ConnectFailed, match="not sent in plain text"),
    ):
        open_with(server, "starttls", context)
    assert "LOGIN" not in server.verbs()


def test_starttls_not_offered_is_an_error_and_never_a_plain_login(context):
    with ScriptedImapServer(capabilities=BARE) as server, pytest.raises(ConnectFailed, match="no STARTTLS"):
        open_with(server, "starttls", context)
    assert server.commands == []


def test_words_smuggled_in_before_the_handshake_end_the_session(context):
    smuggling = {"STARTTLS": b"%(tag)s OK go\r\n* OK [CAPABILITY IMAP4rev1 EVIL] hello\r\n"}
    with (
        ScriptedImapServer(capabilities="IMAP4rev1 STARTTLS", answers=smuggling) as server,
        pytest.raises(ProtocolError, match="between STARTTLS"),
    ):
        open_with(server, "starttls", context)


def test_a_greeting_that_claims_we_are_logged_in_is_refused(context):
    greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n"
    with ScriptedImapServer(greeting=greeting) as server, pytest.raises(ProtocolError, match="PREAUTH"):
        open_with(server, "starttls", context)


@pytest.mark.parametrize("host", ["", ".example", "a..example", "x" * 70 + ".example"])
def test_a_host_name_that_no_certificate_can_have_is_a_failed_connection(context, host):
    with pytest.raises(ConnectFailed, match="no host name"):
        ImapMailbox.open(Login(host, 993, "ssl", "s", "p"), dial=dial, deadline_seconds=5, ssl_context=context)


def test_an_authority_can_be_given_as_text(certificates):
    context = shared_ssl_context(ca_pem=certificates.ca.read_text())
    with serve(certificates, tls_at_once=True) as server, open_with(server, "ssl", context):
        pass
    assert server.verbs()[0] == "LOGIN"


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é"])
def test_an_authority_that_cannot_be_read_says_what_to_do(text):
    with pytest.raises(ConnectFailed, match="PEM"):
        shared_ssl_context(ca_pem=text)


def test_one_context_serves_the_whole_process(certificates):
    assert shared_ssl_context(str(certificates.ca)) is shared_ssl_context(str(certificates.ca))
