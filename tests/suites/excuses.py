"""The tests of frameworks that pass only without the adapters, each with its reason.

Trailers, the debug extension and the start that waits for the first byte are on the law's closed list; the event loop
and the race after HEAD are not. A test that is not here, and one that is here for nothing, is a failure.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.suites.comparing import Excused


def excused(reason: str, tests: Iterable[str], *, is_flaky: bool = False, is_slow: bool = False) -> dict[str, Excused]:
    """Excuse tests for the same reason."""
    return dict.fromkeys(tests, Excused(reason, is_flaky=is_flaky, is_slow=is_slow))


def on_both(test: str, *parameters: str) -> list[str]:
    """A test's names for the two libraries that Starlette's tests run on, with further parameters."""
    return [
        f"{test}[{'-'.join(filter(None, (library, parameter)))}]"
        for library in ("asyncio", "trio")
        for parameter in parameters or ("",)
    ]


_TEST_CLIENT = "tests/test_testclient.py::"
_TEMPLATES = "tests/test_templates.py::"

_TRAILERS = "trailers: WSGI has none"
_HELD = "headers held until the first body byte: PEP 3333 has it so, and an empty chunk is none"

STARLETTE = (
    excused(
        _TRAILERS,
        [
            *on_both(
                "tests/middleware/test_gzip.py::test_gzip_trailers",
                *("True-gzip", "True-identity", "False-gzip", "False-identity"),
            ),
            *on_both("tests/middleware/test_gzip.py::test_gzip_excluded_content_type_trailers"),
            *on_both(_TEST_CLIENT + "test_closing_completed_trailers_waits_for_application"),
            *on_both(_TEST_CLIENT + "test_capture_trailers"),
            *on_both(_TEST_CLIENT + "test_incomplete_trailers", "True", "False"),
            *on_both(_TEST_CLIENT + "test_trailer_error_respects_raise_server_exceptions", "False"),
            *on_both(
                _TEST_CLIENT + "test_invalid_trailer_sequence",
                "messages0-TestClient did not receive any response",
                "messages1-without declaring trailers",
                "messages2-before body completed",
                "messages3-after body completed",
                "messages4-after response completed",
            ),
        ],
    )
    | excused(
        "the debug extension: WSGI has nothing like it",
        [
            *on_both(_TEST_CLIENT + "test_debug_info_in_response_extensions"),
            *on_both(_TEST_CLIENT + "test_debug_info_in_response_extensions_with_template"),
            *on_both(_TEMPLATES + "test_templates"),
            *on_both(_TEMPLATES + "test_calls_context_processors"),
            *on_both(_TEMPLATES + "test_template_with_middleware"),
            *on_both(_TEMPLATES + "test_templates_with_directories"),
            *on_both(_TEMPLATES + "test_templates_with_environment"),
        ],
    )
    | excused(
        _TRAILERS, on_both(_TEST_CLIENT + "test_closing_unfinished_response_cancels_application", "True"), is_slow=True
    )
    | excused(_HELD, on_both(_TEST_CLIENT + "test_streaming_response_skips_empty_and_head_bodies", "GET-"))
    | excused(
        "an answer to HEAD is complete with its start, and the test looks how far the application has got by then",
        on_both(_TEST_CLIENT + "test_streaming_response_skips_empty_and_head_bodies", "HEAD-chunk"),
        is_flaky=True,
    )
    | excused(
        "the application runs on an event loop of the bridge's, as below any WSGI server, and not on the caller's",
        on_both(_TEST_CLIENT + "test_use_testclient_as_contextmanager"),
    )
    | excused(_HELD, on_both(_TEST_CLIENT + "test_streaming_response_is_available_before_first_chunk"), is_slow=True)
)
