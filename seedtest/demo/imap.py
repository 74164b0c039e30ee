"""The world's IMAP servers: pymap's in-memory backend with the folders and capabilities of each provider."""

from __future__ import annotations

import ssl
from argparse import Namespace
from asyncio import Server, StreamReader, StreamWriter, start_server
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import datetime
from typing import cast

from proxyprotocol.reader import ProxyProtocolReader
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login, Session
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxSet, Message
from pymap.concurrent import Subsystem
from pymap.config import BackendCapability
from pymap.context import connection_exit
from pymap.imap import IMAPConnection, IMAPServer
from pymap.interfaces.login import IdentityInterface
from pymap.parsing.commands import Commands
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement, ObjectId, SearchKey
from pymap.selected import SelectedMailbox
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from seedtest.demo import gmail
from seedtest.demo.filing import INBOX
from seedtest.demo.imap_extensions import EXTENSION_COMMANDS, WorldState
from seedtest.demo.providers import Provider, password

Listed = tuple[str, str | None, Sequence[bytes]]


class Folders(MailboxSet):
    """The folders of one mailbox, and which tab its messages stand in."""

    def __init__(self, delimiter: str) -> None:
        super().__init__()
        self._delimiter = delimiter
        self._tabs: dict[bytes, str] = {}

    @property
    def delimiter(self) -> str:
        return self._delimiter

    async def deliver(self, folder: str, raw: bytes, at: datetime, tab: str) -> None:
        mailbox = await self.get_mailbox(folder)
        message = await mailbox.append(AppendMessage(raw, at, frozenset()), recent=True)
        self._tabs[message.email_id.value] = tab

    def tab_of(self, email_id: ObjectId) -> str:
        return self._tabs.get(email_id.value, "")


class WorldConfig(Config):
    def __init__(self, provider: Provider, context: ssl.SSLContext) -> None:
        self.provider = provider
        super().__init__(
            Namespace(passlib_cfg=None, proxy_protocol=None),
            host="127.0.0.1",
            port=0,
            demo_data=False,
            demo_user="",
            demo_password="",
            ssl_context=context,
            tls_enabled=False,  # the listener speaks TLS; this switch is STARTTLS
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
        )

    @property
    def backend_capability(self) -> BackendCapability:
        custom = [name.encode() for name in self.provider.capabilities]
        return BackendCapability(idle=True, object_id=self.provider.has_object_ids, multi_append=False, custom=custom)

    @property
    def commands(self) -> Commands:
        commands = Commands()
        for capability, command in EXTENSION_COMMANDS.items():
            if self.provider.can(capability):
                commands.register(command)
        if self.provider.can("X-GM-EXT-1"):
            for command in gmail.COMMANDS:
                commands.register(command)
        return commands

    @property
    def greeting(self) -> bytes:
        return f"{self.provider.name} IMAP ready".encode()

    @property
    def id_response(self) -> Mapping[bytes, bytes]:
        return {b"name": self.provider.name.encode(), b"vendor": b"seedtest demo"}


class WorldSession(Session):
    """One logged-in mailbox."""

    def __init__(self, owner: str, config: WorldConfig, folders: Folders, filters: FilterSet) -> None:
        super().__init__(owner, config, folders, filters)
        self._provider = config.provider
        self._folders = folders

    async def list_mailboxes(
        self,
        ref_name: str,
        filter_: str,
        subscribed: bool = False,
        selected: SelectedMailbox | None = None,
    ) -> tuple[Iterable[Listed], SelectedMailbox | None]:
        listed, updates = await super().list_mailboxes(ref_name, filter_, subscribed, selected)
        return [self._with_special_use(*line) for line in listed], updates

    def _with_special_use(self, name: str, delimiter: str | None, attributes: Sequence[bytes]) -> Listed:
        special = dict(self._provider.folders).get(name, "")
        return name, delimiter, [*attributes, special.encode()] if special else attributes

    async def search_mailbox(
        self, selected: SelectedMailbox, keys: frozenset[SearchKey]
    ) -> tuple[Iterable[tuple[int, Message]], SelectedMailbox]:
        queries = {key for key in keys if key.value == b"X-GM-RAW"}
        others = frozenset(keys - queries) or frozenset({SearchKey(b"ALL")})
        found, updates = await super().search_mailbox(selected, others)
        for query in queries:
            found = [pair for pair in found if await self._answers(query.filter_str, pair[1])]
        return found, updates

    async def _answers(self, query: str, message: Message) -> bool:
        loaded = await message.load_content(FetchRequirement.HEADER)
        message_id = next(iter(loaded.get_header(b"message-id")), "").strip().strip("<>")
        return gmail.matches_query(query, self._folders.tab_of(message.email_id), message_id)


class WorldIdentity(Identity):
    @asynccontextmanager
    async def new_session(self) -> AsyncIterator[Session]:
        folders, filters = self.config.set_cache[self.name]
        yield WorldSession(self.name, cast(WorldConfig, self.config), cast(Folders, folders), filters)


class WorldLogin(Login):
    """The provider's accounts."""

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> WorldIdentity:
        identity = await super().authorize(authenticated, authzid)
        return WorldIdentity(identity.name, self, None, identity.roles)


class WorldServer(IMAPServer):
    """pymap's server with our connection state in place of its own."""

    def __init__(self, login: WorldLogin, config: WorldConfig) -> None:
        super().__init__(login, config)
        self._state = gmail.GmailState if config.provider.can("X-GM-EXT-1") else WorldState

    async def __call__(self, reader: StreamReader, writer: StreamWriter, sock_info: SocketInfo) -> None:
        connection = IMAPConnection(self.commands, self._config, reader, writer, sock_info)
        async with AsyncExitStack() as stack:
            connection_exit.set(stack)
            stack.enter_context(closing(connection))
            with suppress(ConnectionError, ssl.SSLError):  # clients leave without LOGOUT
                await connection.run(self._state(self._login, self._config))


class ImapHouse:
    """One provider's IMAP side: its accounts, their folders and the listener."""

    def __init__(self, provider: Provider, context: ssl.SSLContext) -> None:
        self.provider = provider
        self.port = 0
        self._context = context
        self._config = WorldConfig(provider, context)
        self._login = WorldLogin(self._config)
        self._folders: dict[str, Folders] = {}

    async def open(self) -> Server:
        for address in self.provider.addresses:
            await self._add_account(address)
        reader = ProxyProtocolReader(self._config.proxy_protocol)
        callback = reader.get_callback(WorldServer(self._login, self._config))
        server = await start_server(callback, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def deliver(self, address: str, folder: str, raw: bytes, at: datetime, tab: str) -> None:
        folders = self._folders[address]
        await folders.deliver(folder, raw, at, tab)
        if self.provider.copies_to and folder == INBOX:
            await folders.deliver(self.provider.copies_to, raw, at, tab)

    async def _add_account(self, address: str) -> None:
        folders = Folders(self.provider.delimiter)
        for name, _special_use in self.provider.folders:
            await folders.add_mailbox(name)
        self._folders[address] = folders
        self._config.set_cache[address] = (folders, FilterSet())
        self._login.users_dict[address] = UserMetadata(self._config, address, password=password(address))
