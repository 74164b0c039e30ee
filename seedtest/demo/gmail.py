"""Gmail's IMAP extension X-GM-EXT-1, as far as inbox tabs need it: X-GM-MSGID, X-GM-THRID and X-GM-RAW."""

from __future__ import annotations

import re
from hashlib import sha256

from pymap.fetch import DynamicFetchValue, MessageAttributes
from pymap.parsing import EndLine, Params, Space
from pymap.parsing.command.select import FetchCommand, SearchCommand
from pymap.parsing.exceptions import NotParseable
from pymap.parsing.primitives import List, Number
from pymap.parsing.response import ResponseOk
from pymap.parsing.response.specials import FetchResponse
from pymap.parsing.specials import AString, FetchAttribute, ObjectId, SearchKey, SequenceSet

from seedtest.demo.imap_extensions import CommandResult, WorldState

GMAIL_ITEM = re.compile(rb" *(X-GM-MSGID|X-GM-THRID)(?=[ )\r\n])", re.IGNORECASE)
GMAIL_QUERY = re.compile(rb" *X-GM-RAW +", re.IGNORECASE)
OR = re.compile(r"\s+OR\s+")
BLANK = re.compile(r"(?<! OR)\s+(?!OR )")


def number_of(object_id: ObjectId) -> int:
    """Gmail's 64-bit numbers, made from pymap's object ids: the same for every copy of a message."""
    return int.from_bytes(sha256(object_id.value).digest()[:8], "big") >> 1


class MessageIdValue(DynamicFetchValue):
    def get_value(self) -> Number:
        return Number(number_of(self.message.email_id))


class ThreadIdValue(DynamicFetchValue):
    def get_value(self) -> Number:
        return Number(number_of(self.message.thread_id))


class GmailAttributes(MessageAttributes):
    _simple_attrs = {
        **MessageAttributes._simple_attrs,
        b"X-GM-MSGID": MessageIdValue,
        b"X-GM-THRID": ThreadIdValue,
    }


class GmailFetchAttribute(FetchAttribute):
    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[FetchAttribute, memoryview]:
        item = GMAIL_ITEM.match(buf)
        if item is None:
            return super().parse(buf, params)
        return cls(item[1]), buf[item.end() :]


class GmailUidFetchCommand(FetchCommand):
    """UID FETCH that also reads Gmail's items; macros (ALL, FAST, FULL) are left out."""

    command = b"UID FETCH"
    delegate = FetchCommand
    uid = True

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[FetchCommand, memoryview]:
        _, buf = Space.parse(buf, params)
        uids, buf = SequenceSet.parse(buf, params.copy(uid=True))
        _, buf = Space.parse(buf, params)
        try:
            single, buf = GmailFetchAttribute.parse(buf, params)
            attributes = [single]
        except NotParseable:
            listed, buf = List.parse(buf, params.copy(expected=[GmailFetchAttribute]))
            attributes = list(listed.get_as(FetchAttribute))
        _, buf = EndLine.parse(buf, params)
        return cls(params.tag, uids, [*attributes, FetchAttribute(b"UID")]), buf


class GmailSearchKey(SearchKey):
    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[SearchKey, memoryview]:
        key = GMAIL_QUERY.match(buf)
        if key is None:
            return super().parse(buf, params)
        query, rest = AString.parse(buf[key.end() :], params)
        return cls(b"X-GM-RAW", query.value.decode("utf-8", "replace")), rest


class GmailSearchCommand(SearchCommand):
    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[SearchCommand, memoryview]:
        charset, buf = cls._parse_charset(buf, params)
        keys: list[SearchKey] = []
        while not _at_end(buf):
            key, buf = GmailSearchKey.parse(buf, params.copy(charset=charset))
            keys.append(key)
        _, buf = EndLine.parse(buf, params)
        return cls(params.tag, keys, charset), buf


def _at_end(buf: memoryview) -> bool:
    return not bytes(buf).strip()


class GmailUidSearchCommand(GmailSearchCommand):
    command = b"UID SEARCH"
    delegate = SearchCommand
    uid = True


COMMANDS = (GmailUidFetchCommand, GmailSearchCommand, GmailUidSearchCommand)


class GmailState(WorldState):
    async def do_fetch(self, cmd: FetchCommand) -> CommandResult:
        marks_seen = not self.selected.readonly and any(item.set_seen for item in cmd.attributes)
        messages, updates = await self.session.fetch_messages(self.selected, cmd.sequence_set, marks_seen)
        response = ResponseOk(cmd.tag, cmd.command + b" completed.")
        for number, message in messages:
            items = GmailAttributes(message, self.selected, cmd.attributes)
            response.add_untagged(FetchResponse(number, items, writing_hook=items.load_hook()))
        return response, updates


def matches_query(query: str, tab: str, message_id: str) -> bool:
    """`category:` and `rfc822msgid:` terms joined by blanks (and) or OR; any other term finds nothing here.

    As at Gmail OR binds tighter than the blank: `a b OR c` is a and (b or c).
    """
    facts = {f"category:{tab}", f"rfc822msgid:{message_id}"}
    groups = [set(group.split(" OR ")) for group in BLANK.split(OR.sub(" OR ", query.strip()))]
    return all(facts & {_plain(term) for term in group} for group in groups)


def _plain(term: str) -> str:
    return term.replace('"', "").replace("<", "").replace(">", "")
