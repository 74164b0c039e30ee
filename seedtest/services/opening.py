"""Opens the tests that nobody waits for, scheduled ones and controls: what goes wrong with one stops no other."""

from __future__ import annotations

import logging

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError

from placement.errors import PlacementError
from seedtest.crypto import SecretUnreadable
from seedtest.services.asking import IntakeError

logger = logging.getLogger(__name__)

#: What rows, files and settings of one workspace can bring about. A database that is down, or no memory, concerns all.
OF_ONE_TEST = (
    IntakeError,
    PlacementError,
    SecretUnreadable,
    ValidationError,
    IntegrityError,
    DataError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


def words_of(error: Exception, what: str) -> str:
    """For the person whose plan it is. What nobody foresaw goes into the log with all there is."""
    if isinstance(error, IntakeError):
        return " ".join(fault.detail for fault in error.errors)
    if isinstance(error, PlacementError | SecretUnreadable):
        return str(error)
    logger.exception("%s could not open its test", what, exc_info=error)
    if isinstance(error, IntegrityError | DataError):
        return "The database refused the test; the log has the reason. The next run will try again."
    return f"Something went wrong ({type(error).__name__}); the log has the reason. The next run will try again."
