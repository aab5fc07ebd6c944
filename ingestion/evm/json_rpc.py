"""Answers of JSON-RPC: results, or the error that a provider gives in their place, however it words it."""

from typing import Any

import msgspec

from ingestion.evm.errors import AnswerRefused

# Of an answer that is no JSON, such as a gateway's page; its end adds nothing.
EXCERPT_BYTES = 200


class _Answer(msgspec.Struct):
    """An answer; gateways in front of a node write `message` and `code` without an error around them."""

    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Any = None
    message: Any = None
    code: Any = None


def result(body: bytes, kind: Any) -> Any:
    """The result of a call, as `kind`.

    Raises:
        AnswerRefused: it is an error (the text has the provider's message), is truncated, or is something else.
    """
    return _result(_decoded(body, _Answer), kind)


def results(body: bytes, count: int, kind: Any) -> list:
    """The results of a batch of `count` calls, in the order of their ids.

    Raises:
        AnswerRefused: as `result`; also where one of them is an error, or they are not `count`.
    """
    answers = _decoded(body, list[_Answer] | _Answer)
    for answer in answers if isinstance(answers, list) else [answers]:
        _raise_error(answer)
    if isinstance(answers, _Answer) or len({answer.id for answer in answers}) != count or len(answers) != count:
        raise AnswerRefused("the answer to a batch is not one", is_passing=False)
    if not all(isinstance(answer.id, int) for answer in answers):
        raise AnswerRefused("the answer to a batch does not say which call is which", is_passing=False)
    # ids rise in the order of the calls, see web3's encode_batch_rpc_request
    return [_result(answer, kind) for answer in sorted(answers, key=lambda answer: answer.id)]


def error(body: bytes) -> AnswerRefused | None:
    """The error that an answer of any status is, with its code; None where it is not one of JSON-RPC."""
    try:
        _raise_error(msgspec.json.decode(body, type=_Answer))
    except AnswerRefused as found:
        return found
    except (msgspec.DecodeError, RecursionError):
        pass
    return None


def unreadable(body: bytes, what: str) -> AnswerRefused:
    """The refusal of an answer that is not `what`, with its words where it is no JSON at all."""
    words = body[:EXCERPT_BYTES].decode(errors="replace").strip()
    said = f" ({words})" if words and words[0] not in "{[" else ""
    return AnswerRefused(f"the answer is cut short, or not {what}{said}")


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError):
        raise unreadable(body, "a node's") from None


def _result(answer: _Answer, kind: Any) -> Any:
    _raise_error(answer)
    if isinstance(answer.result, msgspec.UnsetType):
        raise AnswerRefused("the answer has neither a result nor an error")
    return _decoded(bytes(answer.result), kind)


def _raise_error(answer: _Answer) -> None:
    """Raise AnswerRefused where an answer is an error."""
    said = answer.error
    if said is None and answer.message is not None and isinstance(answer.result, msgspec.UnsetType):
        said = {"code": answer.code, "message": answer.message}
    if said is None:
        return
    fields = said if isinstance(said, dict) else {"message": said}
    code, message = fields.get("code"), fields.get("message") or said
    raise AnswerRefused(f"error {code}: {message}", is_passing=False, code=code if isinstance(code, int) else None)
