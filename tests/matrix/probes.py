"""How each behaviour is tried."""

from __future__ import annotations

from collections.abc import Callable

from tests.matrix import answers, connections, streams, uploads
from tests.matrix.behaviours import Behaviour
from tests.matrix.sites import Site

PROBES: dict[Behaviour, Callable[[Site], str]] = {
    Behaviour.BYTE_BY_BYTE: connections.byte_by_byte,
    Behaviour.HALF_CLOSED: connections.half_closed,
    Behaviour.KEPT_ALIVE: connections.kept_alive,
    Behaviour.PIPELINED: connections.pipelined,
    Behaviour.PIPELINED_AFTER_UNREAD: connections.pipelined_after_unread,
    Behaviour.CHUNKED_UPLOAD: uploads.chunked_upload,
    Behaviour.STREAMED_UPLOAD: uploads.streamed_upload,
    Behaviour.ABORTED_UPLOAD: uploads.aborted_upload,
    Behaviour.ABORTED_CHUNKED_UPLOAD: uploads.aborted_chunked_upload,
    Behaviour.CONTINUE_WHEN_READ: uploads.continue_when_read,
    Behaviour.REFUSED_WITHOUT_CONTINUE: uploads.refused_without_continue,
    Behaviour.FIRST_CHUNK: streams.first_chunk,
    Behaviour.SLOW_READER: streams.slow_reader,
    Behaviour.ABORTED_DOWNLOAD: streams.aborted_download,
    Behaviour.STALLED_DOWNLOAD: streams.stalled_download,
    Behaviour.SILENT_STREAM: streams.silent_stream,
    Behaviour.NO_BODY: answers.no_body,
    Behaviour.COOKIES: answers.cookies,
    Behaviour.ESCAPED_SLASH: answers.escaped_slash,
    Behaviour.ANY_BYTE: answers.any_byte,
    Behaviour.ERROR_BEFORE_START: answers.error_before_start,
    Behaviour.ERROR_WITH_LENGTH: answers.error_with_length,
    Behaviour.ERROR_WITHOUT_LENGTH: answers.error_without_length,
}
