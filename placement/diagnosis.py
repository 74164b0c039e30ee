"""Every reason in words: what happened, what it means for the result, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from placement.vocabulary import LoginProblem, Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """For a person who sends newsletters, not for one who runs mail servers."""

    title: str
    what_happened: str
    what_it_means: str
    what_next: str


REASONS: Final[Mapping[Reason, Explanation]] = MappingProxyType(
    {
        Reason.NONE: Explanation(
            title="No reason recorded yet",
            what_happened="The test has not come to a result for this seed.",
            what_it_means="The seed is not part of any rate so far.",
            what_next="Wait until the test is complete, or look at the other seeds meanwhile.",
        ),
        Reason.FOLDER: Explanation(
            title="Found in a folder",
            what_happened="We found the message and noted the folder it stands in.",
            what_it_means="The folder decides the placement. The evidence line says how we know what it is for.",
            what_next="For spam, start with the authentication results and compare with the other providers.",
        ),
        Reason.ARCHIVED: Explanation(
            title="Only in All Mail",
            what_happened="The message carries no inbox and no spam label; it is only in Gmail's All Mail.",
            what_it_means="Gmail accepted it, but a recipient would not see it in the inbox. It counts as other.",
            what_next="Look for a filter in this seed account that archives mail, and remove it before the next test.",
        ),
        Reason.IN_TRASH: Explanation(
            title="Found in the trash",
            what_happened="The message was found in the trash folder of the seed account.",
            what_it_means="It was delivered, then a rule or a person deleted it. It counts as other, not as spam.",
            what_next="Look for a filter or a mail program that deletes mail in this seed account, and remove it.",
        ),
        Reason.FULL_CHECK_EMPTY: Explanation(
            title="Not in any folder",
            what_happened="After the deadline we looked through every folder of this mailbox and did not find it.",
            what_it_means="The provider dropped or held back the message, or it was never sent to this seed.",
            what_next="Look in your sending log for this address. If it was accepted, ask the provider's postmaster.",
        ),
        Reason.JUNK_NOT_VISIBLE: Explanation(
            title="The spam folder cannot be seen",
            what_happened="The provider shows us no spam folder of this account, and the message is not in the inbox.",
            what_it_means="It may be in spam or missing. We cannot tell, so this seed is left out of the rates.",
            what_next="Switch on the spam folder for IMAP in the account's settings, or name the folder by hand.",
        ),
        Reason.FOLDER_UNREADABLE: Explanation(
            title="A folder could not be opened",
            what_happened="The mail server refused to open at least one folder during the full check.",
            what_it_means="The message may be in that folder, so we do not call it missing. The seed is left out.",
            what_next="Run the check again. If it fails again, see “Check connection” of the mailbox for the folder.",
        ),
        Reason.MAILBOX_UNREACHABLE: Explanation(
            title="The mail server could not be reached",
            what_happened="We could not connect to the seed's mail server, or it closed the connection.",
            what_it_means="We could not look, so this says nothing about your message. The seed is left out.",
            what_next="Usually it passes by itself. If it lasts for hours, check host and port of the mailbox.",
        ),
        Reason.AUTH_FAILED: Explanation(
            title="The login was refused",
            what_happened="The mail server refused the user name and password, or the access token, of this seed.",
            what_it_means="We could not look, so this says nothing about your message. The seed is left out.",
            what_next="Sign in on the provider's site, make a new app password or connect again, and save it here.",
        ),
        Reason.THROTTLED: Explanation(
            title="The mail server asked us to slow down",
            what_happened="The provider limits how often this mailbox may be opened, and the limit was reached.",
            what_it_means="We could not look in time, so this says nothing about your message. The seed is left out.",
            what_next="Close other mail programs that use this account. We try again by ourselves, more slowly.",
        ),
        Reason.TIMED_OUT: Explanation(
            title="The mail server was too slow",
            what_happened="The session with the mailbox took longer than we allow and was ended.",
            what_it_means="We could not finish looking, so this says nothing about your message. The seed is left out.",
            what_next="It is tried again by itself. If it stays so, empty the mailbox: very full ones answer slowly.",
        ),
        Reason.PROTOCOL_ERROR: Explanation(
            title="The mail server's answer made no sense",
            what_happened="The server sent something that the IMAP standard does not allow, or far too much of it.",
            what_it_means="We could not look, so this says nothing about your message. The seed is left out.",
            what_next="Run the check again. If it stays so, tell your operator: the log names the server's answer.",
        ),
        Reason.SECRET_UNREADABLE: Explanation(
            title="The stored password cannot be read",
            what_happened="The password of this mailbox was stored with an encryption key that is not there any more.",
            what_it_means="We could not log in, so this says nothing about your message. The seed is left out.",
            what_next="Ask your operator to restore the old encryption key, or enter the password again.",
        ),
        Reason.MAILBOX_FULL: Explanation(
            title="The mailbox is full",
            what_happened="The seed account's storage is almost used up, and the message is in none of its folders.",
            what_it_means="A full mailbox may refuse mail, so a miss proves nothing. The seed is left out.",
            what_next="Delete old messages in this account, then run the test again.",
        ),
        Reason.QUARANTINED: Explanation(
            title="This mailbox is set aside",
            what_happened="Reading this mailbox made our program crash twice, so we stopped reading it.",
            what_it_means="We did not look, so this says nothing about your message. The seed is left out.",
            what_next="Ask your operator to look at the mailbox and to release it in the admin.",
        ),
        Reason.DISABLED: Explanation(
            title="This seed is switched off",
            what_happened="The seed account or its mailbox was switched off while the test was running.",
            what_it_means="We did not look, so this says nothing about your message. The seed is left out.",
            what_next="Switch the seed on again, or take it off the seed list.",
        ),
        Reason.REJECTED_AT_SMTP: Explanation(
            title="Rejected by the provider",
            what_happened="The provider's server refused the message while it was being handed over.",
            what_it_means="Recipients at this provider would not get it either. It counts against you, as rejected.",
            what_next="Read the server's reply in the evidence: it usually names the cause and often holds a link.",
        ),
        Reason.SMTP_UNKNOWN: Explanation(
            title="Handed over, but without an answer",
            what_happened="The connection broke after the message was sent and before the server confirmed it.",
            what_it_means="It may or may not have been accepted. We never send a second copy to find out.",
            what_next="If it arrives, it counts as usual. If not, run the test again for this seed.",
        ),
        Reason.SMTP_GAVE_UP: Explanation(
            title="Could not be sent",
            what_happened="The server put us off with temporary errors until the time for sending was over.",
            what_it_means="The message was never sent to this seed, so the seed is left out of the rates.",
            what_next="Read the server's replies in the evidence. If they mention a limit, send more slowly.",
        ),
        Reason.RIVAL_TESTS: Explanation(
            title="Another test claims the message",
            what_happened="A message came to this seed that fits this test and another open test equally well.",
            what_it_means="It was given to neither, so the seed is left out of the rates of both.",
            what_next="Give each open test a value of its own, for example a test ID header, then send again.",
        ),
        Reason.NOTHING_ARRIVED: Explanation(
            title="Nothing arrived anywhere",
            what_happened="No seed got the message by the time the campaign should have started.",
            what_it_means="Most likely it was never sent, or without the test ID. No rates are given.",
            what_next="Check that the campaign went to the seed list and carried the test ID, then run it again.",
        ),
        Reason.CANCELLED: Explanation(
            title="The test was cancelled",
            what_happened="Somebody ended the test before this seed had a result.",
            what_it_means="We stopped looking, so this says nothing about your message. The seed is left out.",
            what_next="Start a new test when you are ready to measure again.",
        ),
        Reason.LATE: Explanation(
            title="Arrived after the deadline",
            what_happened="The message came, but only after the test was complete.",
            what_it_means="The result stays as it was; the late arrival is shown beside it. Recipients also waited.",
            what_next="If many seeds are late, look for throttling or greylisting in your sending log.",
        ),
    }
)

_NO_VERDICT = "We could not look, so this says nothing about your message. The seed is left out."

#: `{provider}` is the provider's name, `{sign_in}` that of its sign-in (Microsoft at Outlook.com), `{setup}` what its
#: catalogue entry says a person has to do there.
LOGIN_PROBLEMS: Final[Mapping[LoginProblem, Explanation]] = MappingProxyType(
    {
        LoginProblem.CREDENTIALS: Explanation(
            title="{provider} refused the password",
            what_happened="{provider} does not accept this user name and password. {setup}",
            what_it_means=_NO_VERDICT,
            what_next="Sign in on the provider's site to be sure of it. Many providers want an app password here.",
        ),
        LoginProblem.APP_PASSWORD: Explanation(
            title="{provider} wants an app password",
            what_happened="{provider} does not take the account's own password from other programs. {setup}",
            what_it_means=_NO_VERDICT,
            what_next="Make an app password in the account's security settings and enter it here instead.",
        ),
        LoginProblem.SIGN_IN_INSTEAD: Explanation(
            title="{provider} refused the password: this provider needs sign-in with {sign_in}",
            what_happened="{provider} takes no passwords from mail programs any more, also no app passwords.",
            what_it_means=_NO_VERDICT,
            what_next="Press “Connect” on the mailbox's page and sign in there; a new password does not help.",
        ),
        LoginProblem.IMAP_OFF: Explanation(
            title="IMAP seems to be switched off at {provider}",
            what_happened="{provider} knows the account but does not let mail programs in. {setup}",
            what_it_means=_NO_VERDICT,
            what_next="Switch IMAP on in the account's settings. For a company account its administrator has to.",
        ),
        LoginProblem.WEB_LOGIN: Explanation(
            title="{provider} wants to see a person first",
            what_happened="{provider} found the login unusual and waits until somebody signs in with a browser.",
            what_it_means=_NO_VERDICT,
            what_next="Sign in on the provider's site, say that it was you, then check the connection again.",
        ),
        LoginProblem.TOO_MANY_LOGINS: Explanation(
            title="{provider} has seen too many failed logins",
            what_happened="{provider} takes no logins of this account for a while, right or wrong ones.",
            what_it_means=_NO_VERDICT,
            what_next="Wait an hour. Look for other programs that still use an old password of this account.",
        ),
        LoginProblem.NOT_SIGNED_IN: Explanation(
            title="Nobody has signed in to {provider} yet",
            what_happened="This mailbox is read with a sign-in at {provider}, and there has been none so far.",
            what_it_means=_NO_VERDICT,
            what_next="Press “Connect” on the mailbox's page and sign in as the address of this mailbox.",
        ),
        LoginProblem.TOKEN_REFUSED: Explanation(
            title="{provider} did not accept the sign-in",
            what_happened="The sign-in has expired, was withdrawn, or belongs to another account of {provider}.",
            what_it_means=_NO_VERDICT,
            what_next="A new one is fetched first. If it stays so, press “Connect” and sign in as this very address.",
        ),
        LoginProblem.WRONG_SCOPE: Explanation(
            title="The sign-in at {provider} does not cover mail",
            what_happened="{provider} says that the permission to read mail was not part of the sign-in.",
            what_it_means=_NO_VERDICT,
            what_next="Press “Connect” again and leave every box ticked on the page where the provider asks.",
        ),
        LoginProblem.SIGN_IN_ENDED: Explanation(
            title="The sign-in at {provider} has ended",
            what_happened="{provider} has ended it: a new password, a long pause, or somebody withdrew the access.",
            what_it_means=_NO_VERDICT,
            what_next="Press “Connect” on the mailbox's page and sign in once more; nothing else is lost.",
        ),
        LoginProblem.CONSENT_MISSING: Explanation(
            title="{provider} waits for a consent",
            what_happened="{provider} lets this program in only after a person or the administrator has agreed.",
            what_it_means=_NO_VERDICT,
            what_next="Press “Connect” and agree there. For a company account ask its administrator to agree first.",
        ),
        LoginProblem.APP_REFUSED: Explanation(
            title="{provider} does not know this installation",
            what_happened="The client ID or the client secret for {provider} is missing, wrong, or has expired.",
            what_it_means=_NO_VERDICT,
            what_next="Tell your operator: the settings OAUTH_… hold them, and docs/settings.md says how to get them.",
        ),
        LoginProblem.TOKEN_SERVICE_DOWN: Explanation(
            title="The sign-in service of {provider} does not answer",
            what_happened="{provider} gives out no fresh tokens at the moment, so we could not log in.",
            what_it_means=_NO_VERDICT,
            what_next="Usually it passes by itself. It is tried again soon; nobody has to sign in again.",
        ),
    }
)
