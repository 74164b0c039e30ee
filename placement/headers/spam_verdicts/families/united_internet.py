"""GMX, WEB.DE, mail.com, IONOS: the verdict is the first word of X-UI-Filterresults, at the end of the block."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import DeliveryFolder, Family, Place, Sample, Says
from placement.headers.spam_verdicts.shapes import Number, Opaque, Word

FAMILY: Final = Family(
    id="united_internet",
    name="United Internet (GMX, WEB.DE, mail.com, IONOS)",
    sources=("samples", "hdr-scan"),
    place=Place.END,
    opened_by="Envelope-To",
    headers={
        # "unknown" goes to the inbox, or to the folder Unbekannt where the account has the 3-Wege-Spamschutz.
        "X-UI-Filterresults": Word(
            {"notjunk": Says.CLEAN, "junk": Says.SPAM},
            {"notjunk": DeliveryFolder.INBOX, "junk": DeliveryFolder.JUNK},
        ),
        "X-GMX-Antispam": Number(spam_from=1, threshold_known=False),
        "X-Spam-Flag": Word({"yes": Says.SPAM, "no": Says.CLEAN}),
        "X-GMX-Antivirus": Opaque(),
    },
    sender_stamps={"X-UI-Out-Filterresults": "Written on mail that customers of GMX, WEB.DE or IONOS send."},
    samples=(
        Sample("X-UI-Filterresults", "notjunk:1;V03:K0:QcE43EBhMmU=:IC5vvzi9", Says.CLEAN, DeliveryFolder.INBOX),
        Sample("X-UI-Filterresults", "junk:10;V03:K0:QcE43EBhMmU=:IC5vvzi9", Says.SPAM, DeliveryFolder.JUNK),
        Sample("X-UI-Filterresults", "unknown:2;V03:K0:QcE43EBhMmU=", Says.UNKNOWN),
        Sample("X-GMX-Antispam", "0 (Mail was not recognized as spam); Detail=V3;", Says.CLEAN),
        Sample("X-Spam-Flag", "NO", Says.CLEAN),
        Sample("X-Spam-Flag", "YES", Says.SPAM),
        Sample("X-GMX-Antivirus", "0 (no virus found)", Says.UNKNOWN),
    ),
    unverified=("X-GMX-Antispam: other numbers than 0", "opened_by: not seen at IONOS and mail.com"),
)
