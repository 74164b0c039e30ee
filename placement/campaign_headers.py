"""The headers in which ESPs write a value of their own for a campaign: presets for matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Preset:
    """One ESP. `headers` the most telling first; `verified`: seen on real mail, else from its documentation."""

    esp: str
    headers: tuple[str, ...]
    verified: bool = False


PRESETS: Final = (
    Preset("Any ESP", ("Feedback-ID", "List-ID"), verified=True),
    Preset("ActiveCampaign", ("Feedback-ID", "X-Campaign-ID", "List-ID")),
    Preset("Adobe Campaign", ("X-250ok-CID", "X-campaignid", "Feedback-ID")),
    Preset("Adobe Marketo Engage", ("X-MarketoID", "X-MktMailDKIM", "Feedback-ID")),
    Preset("Amazon SES", ("Feedback-ID", "X-SES-CONFIGURATION-SET", "X-SES-MESSAGE-TAGS", "X-SES-Outgoing"), True),
    Preset("Braze", ("Feedback-ID", "X-Campaign-ID")),
    Preset("Brevo", ("X-Mailin-Campaign", "X-Mailin-Tag", "Feedback-ID", "X-CampaignID")),
    Preset("Campaign Monitor", ("X-CMail-CampaignId", "X-Campaign", "Feedback-ID", "List-ID")),
    Preset("Cheetah Digital", ("X-rpcampaign", "Feedback-ID")),
    Preset("CleverReach", ("X-CR-Campaign", "Feedback-ID", "List-ID")),
    Preset("Constant Contact", ("X-Campaign-Activity-ID", "X-Roving-CampaignId", "X-Roving-ID", "Feedback-ID")),
    Preset("Customer.io", ("Feedback-ID", "X-Campaign-ID")),
    Preset("Dotdigital", ("X-Campaign-ID", "Feedback-ID")),
    Preset("Emarsys", ("X-CampaignID", "Feedback-ID", "List-ID")),
    Preset("Generic API sender", ("X-API-Campaign-id", "X-Campaign-ID", "X-CampaignID", "X-Campaign")),
    Preset("GetResponse", ("X-Campaign", "Feedback-ID", "List-ID")),
    Preset("HubSpot", ("X-HS-Email-Campaign-Id", "Feedback-ID")),
    Preset("Inxmail", ("X-Inx-Campaign", "Feedback-ID")),
    Preset("Iterable", ("X-Campaign-ID", "Feedback-ID")),
    Preset("Klaviyo", ("X-Kmail-Message", "X-Kmail-Account", "Feedback-ID", "List-ID")),
    Preset("Mailchimp", ("X-MC-User", "X-Campaign", "X-campaignid", "Feedback-ID", "List-ID"), verified=True),
    Preset("Mailchimp Transactional (Mandrill)", ("X-Mandrill-User", "Feedback-ID"), verified=True),
    Preset("Mailgun", ("X-Mailgun-Campaign-Id", "X-Mailgun-Tag", "X-Mailgun-Variables", "X-Mailgun-Sid"), True),
    Preset("Mailjet", ("X-MJ-Campaign", "X-MJ-CustomID", "X-Mailjet-Campaign", "Feedback-ID")),
    Preset("MailerLite", ("X-Mailerlite-Campaign", "Feedback-ID", "List-ID")),
    Preset("Oracle Eloqua", ("X-eloqua-campaign", "X-EloquaCampaign", "Feedback-ID")),
    Preset("Oracle Responsys", ("X-rpcampaign", "X-rext", "Feedback-ID")),
    Preset("Postmark", ("X-PM-Tag", "X-PM-Message-Id", "Feedback-ID")),
    Preset("Sailthru", ("X-job", "X-TM-ID", "Feedback-ID")),
    Preset("Salesforce Marketing Cloud", ("X-job", "X-SFMC-Stack", "Feedback-ID", "List-ID"), verified=True),
    Preset("SendGrid", ("X-SG-EID", "X-SG-ID", "Feedback-ID"), verified=True),
    Preset("SparkPost", ("X-MSYS-API", "X-Campaign-ID", "Feedback-ID")),
    Preset("Validity Everest (250ok)", ("X-250ok-CID",)),
    Preset("Zoho Campaigns", ("X-Campaign-ID", "X-JID", "Feedback-ID")),
)

#: Lower case. What `marker.keys` keeps of a message; nothing that changes with every recipient belongs here.
PRESET_HEADERS: Final = frozenset(name.lower() for preset in PRESETS for name in preset.headers)
