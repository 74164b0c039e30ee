"""Which providers one OAuth registration serves: an application is registered at Google, not at Gmail."""

from __future__ import annotations

from collections.abc import Mapping

GOOGLE, MICROSOFT = "google", "microsoft"
#: Provider id → registration; every other provider has one of its own.
FAMILIES: Mapping[str, str] = {
    "gmail": GOOGLE,
    "google_workspace": GOOGLE,
    "outlook_com": MICROSOFT,
    "microsoft_365": MICROSOFT,
}
#: What people call the sign-in, where it is not the provider's own name.
FAMILY_NAMES: Mapping[str, str] = {GOOGLE: "Google", MICROSOFT: "Microsoft"}

CONSUMERS, ORGANIZATIONS, EVERYBODY = "consumers", "organizations", "common"


def serves(tenant: str, default: str) -> bool:
    """Can accounts of the provider whose entry says `default` sign in at `tenant`?

    Personal accounts belong to no company: a company's ID would shut all of them out. Accounts of companies are none
    of the personal ones.
    """
    if default == CONSUMERS:
        return tenant in (CONSUMERS, EVERYBODY)
    return default != ORGANIZATIONS or tenant != CONSUMERS
