"""Requests to public services, answered whole or by a `Fault`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.shown import shown

LARGEST = 256 * 2**20
"""Bytes of one answer."""
NO_JSON = "the answer is no JSON (a web page, or cut short)"
UNFIT = 2
"""Tries for an answer that came whole and is unusable: a second one shows whether it stays so."""
_LOCAL = ("127.0.0.1", "localhost", "::1")
_CHUNK = 1 << 16
# HTTP status of a service that cannot do what it is asked: trying again is useless.
_CANNOT = (501, 505)


class Fault(Exception):
    """A request without a usable answer, in printable words.

    tries : how often to ask in all, None for as long as patience lasts; wait : seconds the service asks for, or None
    advice : what its user can do about it; status : of HTTP, 0 where none came
    """

    def __init__(
        self, message: str, *, tries: int | None = None, wait: float | None = None, advice: str = "", status: int = 0
    ) -> None:
        super().__init__(shown(message))
        self.tries, self.wait, self.advice, self.status = tries, wait, advice, status


class Secret:
    """A key that prints as stars and cannot be pickled."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not leave its process")

    def reveal(self) -> str:
        """Return the key."""
        return self._text

    def struck_from(self, text: str) -> str:
        """Replace the key in a text by stars."""
        return text.replace(self._text, "***") if self._text else text


class Session(requests.Session):
    """A session of whole answers; all else is a `Fault`.

    An answer has status 200. Redirects are not followed: they would carry the headers, and so a key, to wherever they
    lead.

    seconds : for a whole answer
    answer : the last one read, of whatever status
    """

    def __init__(self, *, seconds: float, advice: Mapping[int, str], secret: Secret | None = None) -> None:
        super().__init__()
        self._seconds, self._advice, self._secret = seconds, advice, secret or Secret("")
        self.answer: requests.Response | None = None
        self.headers["user-agent"] = "kakehashi"

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send one request and read its answer."""
        check_url(str(request.url))
        settings |= {"stream": True, "allow_redirects": False, "timeout": self._seconds}
        host = urlsplit(str(request.url)).hostname
        try:
            with super().send(request, **settings) as answer:
                content = self._content(answer)
        except requests.exceptions.Timeout:
            raise Fault(f"{host} did not answer within {self._seconds:g} s") from None
        except requests.exceptions.RequestException as error:
            message = self._secret.struck_from(f"{type(error).__name__}: {error}")
            lasting = "CERTIFICATE_VERIFY_FAILED" in message or isinstance(error, ValueError)
            raise Fault(
                f"the connection to {host} failed ({' '.join(message.split())[:200]})", tries=1 if lasting else None
            ) from None
        answer._content = content
        self.answer = answer
        if answer.status_code != 200:
            raise self._refusal(answer)
        return answer

    def _content(self, answer: requests.Response) -> bytes:
        """Read an answer of bounded size within a bounded time."""
        pieces, size, end = [], 0, time.monotonic() + self._seconds
        for piece in answer.iter_content(_CHUNK):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise Fault(f"an answer is longer than {LARGEST / 2**20:.0f} MB", tries=1)
            if time.monotonic() > end:
                raise requests.exceptions.Timeout
        return b"".join(pieces)

    def _refusal(self, answer: requests.Response) -> Fault:
        status = answer.status_code
        message = f"HTTP {status}{_detail(self._secret.struck_from(answer.text))}"
        if 300 <= status < 400:
            where = urlsplit(answer.headers.get("location", "")).hostname or "another place"
            return Fault(f"HTTP {status}: redirected to {where}, which is not followed", tries=1)
        again = status in (408, 425, 429) or (status >= 500 and status not in _CANNOT)
        return Fault(
            message,
            tries=None if again else 1,
            wait=retry_after(answer.headers.get("retry-after", "")),
            advice=self._advice.get(status, ""),
            status=status,
        )


def check_url(url: str) -> None:
    """Refuse an address that is neither https nor local; UserError."""
    parts = urlsplit(url)
    if (
        not parts.hostname
        or parts.username
        or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL))
    ):
        raise UserError(f"expected an address https://HOST/..., got {url}")


def retry_after(text: str) -> float | None:
    """Return the seconds of a header Retry-After, None without any.

    >>> retry_after("120"), retry_after("soon")
    (120.0, None)
    """
    text = text.strip()
    if text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def parse(answer: requests.Response) -> Any:
    """Return an answer's JSON; Fault where it is none."""
    try:
        return json.loads(answer.content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Fault(NO_JSON) from None


def _no_number(text: str) -> NoReturn:
    raise Fault(f"the answer holds {text}, which is no number of JSON", tries=UNFIT)


def _detail(text: str) -> str:
    """Return an error's own words as `: words`."""
    try:
        body = json.loads(text)
        detail = body.get("detail") or body.get("message")
        detail = detail or "; ".join(str(e.get("detail") or e.get("title")) for e in body.get("errors", ()))
    except (ValueError, AttributeError, TypeError, RecursionError):
        detail = None
    words = " ".join(str(detail).split())[:200] if detail else ""
    return f": {words}" if words else ""
