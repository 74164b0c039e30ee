"""What pymap lacks for our providers: LIST … RETURN with STATUS, UNSELECT, NAMESPACE, CLOSE after EXAMINE."""

from __future__ import annotations

import re

from pymap.imap.state import ConnectionState
from pymap.parsing import Params
from pymap.parsing.command import Command, CommandAuth, CommandNoArgs, CommandSelect
from pymap.parsing.command.auth import ListCommand, StatusCommand
from pymap.parsing.command.select import CloseCommand
from pymap.parsing.response import CommandResponse, ResponseOk, UntaggedResponse
from pymap.parsing.specials import Mailbox, StatusAttribute
from pymap.selected import SelectedMailbox

CommandResult = tuple[CommandResponse, SelectedMailbox | None]
RETURN_OPTIONS = re.compile(rb" RETURN \(([^\r\n]*)\)(?=\r?\n$)", re.IGNORECASE)
STATUS_ITEMS = re.compile(rb"\bSTATUS \(([A-Z ]+)\)", re.IGNORECASE)


class ExtendedListCommand(ListCommand):
    """LIST with return options (RFC 5258), of which STATUS (RFC 5819) and SPECIAL-USE (RFC 6154) matter."""

    def __init__(self, tag: bytes, ref_name: str, filter_: str) -> None:
        super().__init__(tag, ref_name, filter_)
        self.status_items: tuple[StatusAttribute, ...] = ()

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[ListCommand, memoryview]:
        line = bytes(buf)
        options = RETURN_OPTIONS.search(line)
        if options is None:
            return super().parse(buf, params)
        plain = line[: options.start()] + line[options.end() :]
        command, rest = super().parse(memoryview(plain), params)
        items = STATUS_ITEMS.search(options[1])
        if isinstance(command, ExtendedListCommand) and items:
            command.status_items = tuple(StatusAttribute(name.upper()) for name in items[1].split())
        return command, rest


class UnselectCommand(CommandNoArgs, CommandSelect):
    """RFC 3691."""

    command = b"UNSELECT"


class NamespaceCommand(CommandNoArgs, CommandAuth):
    """RFC 2342."""

    command = b"NAMESPACE"


#: Extension commands, each offered only where the provider's capabilities name it.
EXTENSION_COMMANDS: dict[str, type[Command]] = {
    "LIST-EXTENDED": ExtendedListCommand,
    "UNSELECT": UnselectCommand,
    "NAMESPACE": NamespaceCommand,
}


class WorldState(ConnectionState):
    """One IMAP connection; pymap finds the method of a command by its name."""

    async def do_list(self, cmd: ListCommand) -> CommandResult:
        response, updates = await super().do_list(cmd)
        if isinstance(cmd, ExtendedListCommand) and cmd.status_items:
            await self._add_statuses(cmd, response)
        return response, updates

    async def _add_statuses(self, cmd: ExtendedListCommand, response: CommandResponse) -> None:
        listed, _updates = await self.session.list_mailboxes(cmd.ref_name, cmd.filter)
        for name, _delimiter, attributes in listed:
            if b"Noselect" in attributes:
                continue
            status, _updates = await self.do_status(StatusCommand(cmd.tag, Mailbox(name), cmd.status_items))
            response.add_untagged(*status._untagged)

    async def do_close(self, cmd: CloseCommand) -> CommandResult:
        # pymap answers NO [READ-ONLY] here; RFC 3501 6.4.2: nothing is removed, and no error is given.
        if not self.selected.readonly:
            return await super().do_close(cmd)
        return await self.do_unselect(cmd)

    async def do_unselect(self, cmd: Command) -> CommandResult:
        self._selected = None
        return ResponseOk(cmd.tag, cmd.command + b" completed."), None

    async def do_namespace(self, cmd: NamespaceCommand) -> CommandResult:
        delimiter = self.config.provider.delimiter  # type: ignore[attr-defined]  # always a WorldConfig
        prefix = "INBOX." if delimiter == "." else ""
        response = ResponseOk(cmd.tag, b"NAMESPACE completed.")
        response.add_untagged(UntaggedResponse(f'NAMESPACE (("{prefix}" "{delimiter}")) NIL NIL'.encode()))
        return response, None
