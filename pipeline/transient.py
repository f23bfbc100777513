"""Errors that may be gone the next time: worth a retry, which all others are not."""

import errno

_CODES = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EIO,
    errno.EINTR,
    errno.ENETRESET,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


def is_transient(error: BaseException | None) -> bool:
    """Whether an error, or one that it comes from, is of a network, or of a disk that may answer again."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _CODES:
            return True
        error = error.__cause__
    return False
