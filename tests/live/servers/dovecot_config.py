"""Dovecot 2.3 in words: five folder trees side by side, told apart by the first letters of the user's name."""

from __future__ import annotations

from dataclasses import dataclass

#: The password of every user.
PASSWORD = "seed-secret"


@dataclass(frozen=True, slots=True)
class Tree:
    """The folders a group of users sees. `junk` is a decoded name; None where IMAP does not show one."""

    prefix: str
    junk: str | None
    promotions: str
    trash: str
    other: str
    special_use: bool = False
    root: str = ""
    separator: str = "/"

    def folder_of(self, placement: str) -> str:
        """Where sieve files `X-Seed-Placement: <placement>` for this tree, as IMAP names it."""
        if placement == "inbox":
            return "INBOX"
        if placement == "junk" and self.junk is None:
            return "hidden/Junk"
        return self.root + self.local_name(placement)

    def local_name(self, placement: str) -> str:
        """The folder's name without the prefix that some servers put before everything but INBOX."""
        return {
            "junk": self.junk or "",
            "promotions": self.promotions,
            "trash": self.trash,
            "other": self.other,
        }[placement]


TREES = {
    tree.prefix: tree
    for tree in (
        Tree("su", "Junk", "Promotions", "Trash", "Notifications", special_use=True),
        Tree("de", "Spamverdacht", "Werbung", "Papierkorb", "Benachrichtigungen"),
        Tree("fr", "Courrier indésirable", "Promotions", "Corbeille", "Réseaux sociaux"),
        Tree("cp", "spam", "Promotions", "Trash", "Archive", root="INBOX.", separator="."),
        Tree("nojunk", None, "Promotions", "Trash", "Notifications"),
    )
}
#: Thirty accounts; any other name with one of the prefixes works as well, and all others are as `su-`.
USERS = tuple(
    f"{prefix}-{number:02}"
    for prefix, count in (("su", 10), ("de", 6), ("fr", 6), ("cp", 5), ("nojunk", 3))
    for number in range(1, count + 1)
)


def tree_of(user: str) -> Tree:
    return TREES.get(user.split("@")[0].split("-")[0], TREES["su"])


CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/state
instance_name = seedtest
log_path = {directory}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
default_login_user = {login_user}
default_internal_user = {internal_user}
default_internal_group = {internal_group}
first_valid_uid = {uid}
last_valid_uid = {uid}
first_valid_gid = 0
mail_location = maildir:~/Maildir
mail_fsync = never
mailbox_list_index = yes
mail_max_userip_connections = 10
mail_plugins = quota
ssl = yes
ssl_cert = <{directory}/tls.crt
ssl_key = <{directory}/tls.key
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_format = %Ln
recipient_delimiter = +
shutdown_clients = yes
default_vsz_limit = 512M
default_process_limit = 400
default_client_limit = 1600
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = {userdb}
}}
# Without mode 0 one wrong password delays every later login from this address by seconds.
service anvil {{
  chroot =
  client_limit = 4000
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
  client_limit = 4000
}}
service auth {{
  client_limit = 4000
}}
service auth-worker {{
  user = {worker_user}
}}
service imap-login {{
  chroot =
  service_count = 0
  client_limit = 1600
  vsz_limit = 1G
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  service_count = 0
}}
service lmtp {{
  process_min_avail = 1
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
protocol imap {{
  mail_plugins = quota imap_quota
  rawlog_dir = {directory}/wire/%n
}}
protocol lmtp {{
  mail_plugins = quota sieve
  postmaster_address = postmaster@seed.example
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=50M
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_before = {directory}/sieve/before.sieve
  sieve_extensions = +vnd.dovecot.environment
}}
namespace hidden {{
  prefix = hidden/
  separator = /
  location = maildir:~/Hidden
  hidden = yes
  list = no
}}
{namespaces}
{extra}
"""

NAMESPACE = """\
namespace {prefix} {{
  inbox = yes
  prefix = {root}
  separator = {separator}
  disabled = yes
{mailboxes}
}}
"""
MAILBOX = '  mailbox "{name}" {{\n    auto = create\n{special_use}  }}'
#: In the order of `Tree`; only a tree with special_use says these.
ATTRIBUTES = {"junk": "\\Junk", "trash": "\\Trash"}

SIEVE = """\
require ["fileinto", "mailbox", "variables", "environment", "vnd.dovecot.environment"];
if header :matches "X-Seed-Folder" "*" {{ fileinto :create "${{1}}"; stop; }}
{rules}
"""
SIEVE_TREE = """\
{keyword} environment :matches "vnd.dovecot.username" "{user}" {{
  if header :is "X-Seed-Placement" "junk" {{ fileinto :create "{junk}"; stop; }}
  if header :is "X-Seed-Placement" "promotions" {{ fileinto :create "{promotions}"; stop; }}
  if header :is "X-Seed-Placement" "trash" {{ fileinto :create "{trash}"; stop; }}
  if header :is "X-Seed-Placement" "other" {{ fileinto :create "{other}"; stop; }}
}}
"""


def namespaces() -> str:
    return "\n".join(
        NAMESPACE.format(
            prefix=tree.prefix,
            root=tree.root,
            separator=tree.separator,
            mailboxes="\n".join(_mailboxes(tree)),
        )
        for tree in TREES.values()
    )


def _mailboxes(tree: Tree) -> list[str]:
    kinds = ("junk", "promotions", "trash", "other")
    return [_mailbox(tree, kind) for kind in kinds if kind != "junk" or tree.junk]


def _mailbox(tree: Tree, kind: str) -> str:
    attribute = ATTRIBUTES.get(kind) if tree.special_use else None
    special_use = f"    special_use = {attribute}\n" if attribute else ""
    return MAILBOX.format(name=tree.local_name(kind), special_use=special_use)


def userdb(home: str, uid: int, gid: int) -> str:
    """Every user exists; the name decides which one of the namespaces is switched on."""
    others = [prefix for prefix in TREES if prefix != "su"]
    switches = [f"namespace/{prefix}/disabled={_unless(prefix)}" for prefix in others]
    is_su = "no"  # that is: not disabled, for whoever has none of the other prefixes
    for prefix in others:
        is_su = f"%{{if;%n;*;{prefix}-*;yes;{is_su}}}"
    return " ".join(
        [
            f"uid={uid} gid={gid} home={home}/%n allow_all_users=yes",
            *switches,
            f"namespace/su/disabled={is_su}",
        ]
    )


def _unless(prefix: str) -> str:
    return f"%{{if;%n;*;{prefix}-*;no;yes}}"


def sieve() -> str:
    trees = sorted(TREES.values(), key=lambda tree: tree.prefix == "su")  # `su` takes whoever is left
    rules = [
        SIEVE_TREE.format(
            keyword="elsif" if position else "if",
            user="*" if tree.prefix == "su" else f"{tree.prefix}-*",
            **{kind: tree.folder_of(kind) for kind in ("junk", "promotions", "trash", "other")},
        )
        for position, tree in enumerate(trees)
    ]
    return SIEVE.format(rules="".join(rules))
