"""The one error tree: every refusal has a class, a stable code, and a default message (its docstring).

TradepitError
├── RequestRefused            the request is at fault; nothing happened
│   ├── BadRequest            INVALID_REQUEST and its kin: not decodable, not in range
│   │   ├── PriceNotValid     PRICE_NOT_VALID
│   │   ├── PriceWrongTick    PRICE_WRONG_TICK
│   │   ├── VolumeNotValid    VOLUME_NOT_VALID
│   │   ├── IdNotValid        ID_NOT_VALID
│   │   └── PayloadTooLarge   PAYLOAD_TOO_LARGE
│   ├── RiskRefused           a rule of the risk review said no (code is the rule's)
│   ├── VenueRefused          the exchange said no (code is the exchange's)
│   ├── RecordingRefused      a recording of ticks, or one of its rows, cannot be used (code says why)
│   ├── BotRefused            a bot, its parameters or what it asks for cannot be used (code says why)
│   ├── DuplicateId           DUPLICATE_ID: the id was used for a different request
│   ├── RevisionConflict      REVISION_CONFLICT: what is to be changed is not what the sender saw
│   ├── HaltPending           HALT_PENDING: a halt of the scope has not been carried out yet
│   ├── OrderNotFound         ORDER_NOT_FOUND
│   └── InstrumentNotFound    INSTRUMENT_NOT_FOUND
├── NotActive                 NOT_ACTIVE: ask the active instance
├── StaleEpoch                STALE_EPOCH: a newer leader exists
├── OutcomeUnknown            OUTCOME_UNKNOWN: sent, no answer; being resolved, do not send again
├── Unavailable               SERVICE_UNAVAILABLE: nothing was done, try again with the same id
│   └── TimedOut              TIMEOUT
├── JournalError              JOURNAL_ERROR
│   ├── JournalConflict       JOURNAL_CONFLICT: another writer appended
│   ├── JournalCorrupted      JOURNAL_CORRUPTED
│   └── JournalClosed         JOURNAL_CLOSED
├── CalendarUnknown           CALENDAR_UNKNOWN: no holiday data for that year
├── ConfigError               CONFIG_INVALID
└── InternalError             INTERNAL_ERROR
"""

from typing import ClassVar


class TradepitError(Exception):
    """Something went wrong in tradepit."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str | None = None, **details: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = details
        super().__init__(self.message)

    @property
    def reason_code(self) -> str:
        """The stable code a client sees; subclasses that carry a rule's own code override it."""
        return self.code

    def __str__(self) -> str:
        extra = " ".join(f"{key}={value}" for key, value in self.details.items())
        return f"{self.reason_code}: {self.message}" + (f" ({extra})" if extra else "")


class RequestRefused(TradepitError):
    """The request was refused; nothing happened."""

    code = "REQUEST_REFUSED"


class BadRequest(RequestRefused):
    """The request cannot be decoded, misses a field, or has a value out of range."""

    code = "INVALID_REQUEST"


class PriceNotValid(BadRequest):
    """The price is not a positive finite number in range."""

    code = "PRICE_NOT_VALID"


class PriceWrongTick(BadRequest):
    """The price is not a multiple of the tick size."""

    code = "PRICE_WRONG_TICK"


class VolumeNotValid(BadRequest):
    """The volume is not a whole number of lots in range."""

    code = "VOLUME_NOT_VALID"


class IdNotValid(BadRequest):
    """An id must match [A-Za-z0-9_-]{1,64}."""

    code = "ID_NOT_VALID"


class PayloadTooLarge(BadRequest):
    """The request is larger than the door admits."""

    code = "PAYLOAD_TOO_LARGE"


class _CodedRefusal(RequestRefused):
    def __init__(self, reason_code: str, message: str | None = None, **details: object) -> None:
        super().__init__(message, **details)
        self._reason_code = reason_code

    @property
    def reason_code(self) -> str:
        return self._reason_code


class RiskRefused(_CodedRefusal):
    """A risk rule refused the order."""

    code = "RISK_REFUSED"


class VenueRefused(_CodedRefusal):
    """The exchange refused the order."""

    code = "VENUE_REFUSED"


class RecordingRefused(_CodedRefusal):
    """A recording of ticks cannot be used."""

    code = "RECORDING_REFUSED"


class BotRefused(_CodedRefusal):
    """The bot cannot be used."""

    code = "BOT_REFUSED"


class DuplicateId(RequestRefused):
    """The id was already used for a different request."""

    code = "DUPLICATE_ID"


class RevisionConflict(RequestRefused):
    """What is to be changed has been changed since it was looked at."""

    code = "REVISION_CONFLICT"


class HaltPending(RequestRefused):
    """A halt of this scope waits to be carried out; trading can be resumed after that."""

    code = "HALT_PENDING"


class OrderNotFound(RequestRefused):
    """No such order."""

    code = "ORDER_NOT_FOUND"


class InstrumentNotFound(RequestRefused):
    """No such instrument."""

    code = "INSTRUMENT_NOT_FOUND"


class NotActive(TradepitError):
    """This instance is not the active one; retry with the active instance."""

    code = "NOT_ACTIVE"


class StaleEpoch(TradepitError):
    """A newer leader exists; this epoch is fenced."""

    code = "STALE_EPOCH"


class OutcomeUnknown(TradepitError):
    """Sent, but no answer came; the outcome is being resolved. Do not send it again under another id."""

    code = "OUTCOME_UNKNOWN"


class Unavailable(TradepitError):
    """The service cannot answer now; nothing was done. Try again with the same id."""

    code = "SERVICE_UNAVAILABLE"


class TimedOut(Unavailable):
    """No answer within the deadline."""

    code = "TIMEOUT"


class JournalError(TradepitError):
    """The journal could not do what was asked."""

    code = "JOURNAL_ERROR"


class JournalConflict(JournalError):
    """Another writer has appended; the expected sequence is stale."""

    code = "JOURNAL_CONFLICT"


class JournalCorrupted(JournalError):
    """A record of the journal fails its checksum."""

    code = "JOURNAL_CORRUPTED"


class JournalClosed(JournalError):
    """The journal is closed."""

    code = "JOURNAL_CLOSED"


class CalendarUnknown(TradepitError):
    """No holiday calendar is known for that year; refusing to guess."""

    code = "CALENDAR_UNKNOWN"


class ConfigError(TradepitError):
    """The settings are not valid."""

    code = "CONFIG_INVALID"


class InternalError(TradepitError):
    """An internal error; the details are in the service's log."""

    code = "INTERNAL_ERROR"
