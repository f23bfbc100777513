"""Who may change something: whoever holds the token that the command printed, from the page itself."""

import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

TOKEN_HEADER = "X-Maskdistill-Token"
"""A header that no foreign page can send without asking first, which is never allowed."""
_MOST_BYTES = 2_000_000
_READING = ("GET", "HEAD")
_WRITING = "/api/edits/"


def refusal(request: Request, token: str | None) -> tuple[int, str] | None:
    """Status and reason for which a request is refused; None where it may go on.

    Args:
        request: The request, its body unread.
        token: What changes have to carry; None = nothing may be changed.
    """
    if request.method in _READING or _WRITING not in request.url.path:
        return None  # what cannot be written to answers that for itself
    if token is None:
        return 403, "this page only reads; start it with `maskdistill view --edit` to change masks"
    if not hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), token.encode()):
        return 403, "open the address that `maskdistill view --edit` printed, with all that follows the #"
    origin, length = request.headers.get("Origin"), request.headers.get("Content-Length", "")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        return 403, f"a page of {origin} may change nothing here"
    is_json = request.headers.get("Content-Type", "").partition(";")[0] == "application/json"
    if not is_json or not length.isdigit() or int(length) > _MOST_BYTES:
        return 413, f"a change is JSON of at most {_MOST_BYTES:,} bytes, and says how many"
    return None
