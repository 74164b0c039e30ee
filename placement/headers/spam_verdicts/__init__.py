"""What the seed's own provider says about spam in its headers: literal tables, one module a family."""

from placement.headers.spam_verdicts.model import (
    DeliveryFolder,
    Family,
    FilterVerdict,
    Hit,
    Ignored,
    Place,
    Reading,
    Sample,
    Says,
)
from placement.headers.spam_verdicts.read import Verdicts, read_verdicts
from placement.headers.spam_verdicts.registry import FAMILIES, families_for

__all__ = [
    "FAMILIES",
    "DeliveryFolder",
    "Family",
    "FilterVerdict",
    "Hit",
    "Ignored",
    "Place",
    "Reading",
    "Sample",
    "Says",
    "Verdicts",
    "families_for",
    "read_verdicts",
]
