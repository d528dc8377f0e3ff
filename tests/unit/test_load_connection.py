"""What the load generator reads of an answer."""

import pytest
from httptools import HttpParserError

from loadtest.connection import Answer


class Interrupted(Answer):
    """An answer during which somebody presses Ctrl-C, just as the parser calls."""

    def on_message_complete(self) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_while_the_parser_calls_ends_the_run() -> None:
    with pytest.raises(KeyboardInterrupt):
        Interrupted().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_what_is_no_http_is_the_answers_fault() -> None:
    with pytest.raises(HttpParserError):
        Answer().feed(b"220 mail.example ESMTP\r\n")
