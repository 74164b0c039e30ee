"""Dovecot that takes access tokens beside passwords, and checks them by itself: JWT with a shared key."""

from __future__ import annotations

import base64

from tests.live.servers.dovecot import Dovecot
from tests.token_endpoint import KEY

EXTRA = """\
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {directory}/oauth2.ext
}}
"""
#: No HTTP server is asked: the signature, `exp` and `sub` of the token decide.
OAUTH = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={directory}/keys/
username_attribute = sub
username_format = %n
active_attribute =
active_value =
"""


class OAuthDovecot(Dovecot):
    name = "dovecot-oauth"

    def prepare(self) -> None:
        keys = self.directory / "keys" / "default" / "HS256"
        keys.mkdir(parents=True, exist_ok=True)
        (keys / "default").write_bytes(base64.b64encode(KEY))
        (self.directory / "oauth2.ext").write_text(OAUTH.format(directory=self.directory), encoding="utf-8")
        self.extra = EXTRA.format(directory=self.directory)
        super().prepare()
