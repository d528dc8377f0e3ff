"""One family of errors: a machine code, a status, a sentence for the caller."""

from __future__ import annotations


class Problem(Exception):
    """A refusal that the caller is told about as an RFC 9457 problem document."""

    status = 500
    code = "internal_error"
    title = "Внутренняя ошибка"

    retry_after = 1
    """Seconds after which a repetition makes sense; told with a 503."""

    def __init__(
        self, detail: str = "", *, code: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        if retry_after is not None:
            self.retry_after = retry_after
        if code is not None:
            self.code = code


class BadRequest(Problem):
    status = 400
    code = "bad_request"
    title = "Неверный запрос"


class Unauthorized(Problem):
    status = 401
    code = "unauthorized"
    title = "Нужны верные имя и пароль"


class Forbidden(Problem):
    status = 403
    code = "forbidden"
    title = "Недостаточно прав"


class NotFound(Problem):
    status = 404
    code = "not_found"
    title = "Не найдено"


class MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"
    title = "Метод не поддерживается"


class RequestTimeout(Problem):
    status = 408
    code = "request_timeout"
    title = "Запрос не пришёл вовремя"


class Conflict(Problem):
    status = 409
    code = "conflict"
    title = "Состояние не позволяет"


class ContentTooLarge(Problem):
    status = 413
    code = "content_too_large"
    title = "Тело запроса слишком велико"


class UnsupportedMediaType(Problem):
    status = 415
    code = "unsupported_media_type"
    title = "Тело запроса должно быть application/json"


class SeatUnavailable(Problem):
    status = 419
    code = "seat_unavailable"
    title = "Не удалось добавить место в бронь"


class SeatNotReleasable(Problem):
    status = 419
    code = "seat_not_releasable"
    title = "Не удалось освободить место"


class HeadTooLarge(Problem):
    status = 431
    code = "head_too_large"
    title = "Заголовки запроса слишком велики"


class Busy(Problem):
    """A lock or a connection was not to be had in time; the caller may try again."""

    status = 503
    code = "busy"
    title = "Слишком много запросов сразу, попробуйте ещё раз"


class Unavailable(Problem):
    """Something this call depends on does not answer."""

    status = 503
    code = "unavailable"
    title = "Сервис временно недоступен"
