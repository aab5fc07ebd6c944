"""Limits on requests, as providers of nodes tell them: with any status, by a code of JSON-RPC, or in words alone."""

import re

LIMIT_SECONDS = 1_200
"""How long to wait in total for a limit on requests to pass: twenty refusals that ask for a minute each."""

# 429 is HTTP's own; -32005 is EIP-1474's; -32007 QuickNode's, -32029 Ankr's and others', -32090 public nodes'.
_CODES = {429, -32005, -32007, -32029, -32090}
_WORDS = re.compile(
    r"rate.?limit|too many (concurrent )?(request|call|connection)|request (limit|count|quota)|compute units|throughput"
    r"|(requests?|calls?|credits?|limit)( per |/| a )(s|sec|second|min|minute|day)\b|throttl|slow down|capacity"
    r"|(rate|limit|quota|count|credits?) ((is|was|has been) )?(exceeded|reached|exhausted)"
    r"|(exceed|reach)(ed)? (\w+ ){0,4}(limit|quota|rate)|(unable to complete|cannot fulfill) (the |this )?request"
    r"|at this time|temporar|over(load|whelm)ed|(server|node|too) (is )?busy|tim(e|ed)[ -]?out"
    r"|(try|retry) (again )?(later|in|after)|please (re)?try"
)
# A limit on what one answer may hold: a smaller request is served, the same one never. Or a contract's own words.
_OTHER = re.compile(
    r"\b(results?|blocks?|ranges?|logs|rows|items|topics|addresses|size|batch\w*|bytes|query)\b"
    r"|too (large|big|wide|long)|revert|execution (aborted|timeout)"
)


def is_rate_limit(code: int | None, message: str) -> bool:
    """Whether a refusal asks for fewer requests, so that the same one is served later."""
    words = message.lower()
    return not _OTHER.search(words) and (code in _CODES or bool(_WORDS.search(words)))
