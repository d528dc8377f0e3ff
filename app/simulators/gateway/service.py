"""What the gateway does with payments."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

from app.simulators.common.modes import Mode
from app.simulators.gateway import rules
from app.simulators.gateway.cancellation import Cancellation, refund, release
from app.simulators.gateway.knobs import Panel
from app.simulators.gateway.messages import (
    CancelRequest,
    CheckRequest,
    ConfirmRequest,
    FieldsInvalidError,
    InitRequest,
)
from app.simulators.gateway.rules import Refusal, Status
from app.simulators.gateway.store import DuplicateOrderError, Payment, Store
from app.simulators.gateway.webhooks import Webhooks

_CACHED_FOR = timedelta(seconds=30)
_FINAL_CACHED_FOR = timedelta(minutes=5)
_CACHE_SIZE = 10_000


def utc_now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return datetime.now(UTC)


class Gateway:
    """The gateway as one merchant sees it."""

    def __init__(
        self,
        *,
        store: Store,
        webhooks: Webhooks,
        panel: Panel,
        team_slug: str,
        password: str,
        mode: Mode,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.panel = panel
        self.mode = mode
        self.team_slug = team_slug
        self.clock = clock
        self._store = store
        self._webhooks = webhooks
        self._password = password
        self._answers: dict[tuple[str | None, str | None], tuple[datetime, Payment]] = {}

    def init(self, request: InitRequest) -> Payment:
        """Register a payment for an order id that was never used before."""
        currency = request.currency or "KZT"
        expected = rules.token(
            request.amount, currency, request.order_id, self._password, self.team_slug
        )
        if not request.token:
            raise Refusal(401, "TOKEN_MISSING", "The token is missing.")
        self._authenticate(request.team_slug, request.token, expected, "TOKEN_INVALID")
        if currency not in rules.CURRENCIES:
            raise Refusal(400, "1006", f"The currency {currency} is not supported.")
        now = self.clock()
        try:
            with self._store.transaction():
                payment = Payment(
                    id=self._store.next_id(now),
                    order_id=request.order_id,
                    status=Status.NEW,
                    amount=request.amount,
                    currency=currency,
                    description=request.description,
                    email=request.email,
                    success_url=request.success_url,
                    fail_url=request.fail_url,
                    notification_url=request.notification_url,
                    created_at=now,
                    updated_at=now,
                    expires_at=now + timedelta(minutes=request.payment_expiry),
                )
                self._store.add(payment)
        except DuplicateOrderError as error:
            raise Refusal(409, "1002", "A payment with this orderId exists.") from error
        self._announce(payment)
        return payment

    def check(self, request: CheckRequest) -> Payment:
        """Return a payment as it is, or, as coded, as it was up to 30 s (5 min) ago."""
        if request.payment_id is None and request.order_id is None:
            raise FieldsInvalidError("PaymentId", "Either paymentId or orderId is required.")
        expected = rules.token(
            request.payment_id or request.order_id, self._password, self.team_slug
        )
        self._authenticate(request.team_slug, request.token, expected, "1001")
        key = (request.payment_id, request.order_id)
        now = self.clock()
        until, remembered = self._answers.get(key, (now, None))
        if remembered is not None and now < until:
            return remembered
        self.expire_due()
        with self._store.transaction():
            if request.payment_id is not None:
                payment = self._store.find(request.payment_id)
            else:
                payment = self._store.find_by_order(request.order_id or "")
        if payment is None:
            raise Refusal(404, "1404", "The payment is not found.")
        if self.mode is Mode.CODED:
            self._remember(key, payment, now)
        return payment

    def confirm(self, request: ConfirmRequest) -> Payment:
        """Capture an authorized payment; as coded only the ledger notices."""
        if self.mode is Mode.DOCUMENTED:
            expected = rules.token(
                request.amount, self._password, request.payment_id, self.team_slug
            )
            self._authenticate(request.team_slug, request.token, expected, "2001")
        self.expire_due()
        now = self.clock()
        with self._store.transaction():
            payment = self._get(request.payment_id, code="2404")
            if payment.status is not Status.AUTHORIZED:
                raise Refusal(409, "2409", f"The payment is {payment.status}, not AUTHORIZED.")
            if request.amount is not None and request.amount > rules.CONFIRMABLE_AMOUNT:
                raise Refusal(400, "2100", f"The amount exceeds {rules.CONFIRMABLE_AMOUNT}.")
            if request.amount is not None and request.amount != payment.amount:
                raise Refusal(400, "2100", "The amount is not the authorized amount.")
            if now - payment.created_at > rules.CONFIRMABLE_FOR:
                raise Refusal(400, "2100", "The payment is older than 15 minutes.")
            payment = replace(payment, captured=payment.amount, updated_at=now)
            if self.mode is Mode.DOCUMENTED:
                status = rules.advance(payment.status, to=Status.CONFIRMED)
                payment = replace(payment, status=status)
            self._store.save(payment)
        if self.mode is Mode.DOCUMENTED:
            self._announce(payment)
        return payment

    def cancel(self, request: CancelRequest) -> Cancellation:
        """Cancel, reverse or refund a payment; as coded always refused."""
        if self.mode is Mode.CODED:
            raise Refusal(401, "3001", "Authentication failed.")
        signed: tuple[str | int, ...] = (request.payment_id, self._password)
        if request.amount is not None:
            signed = (request.amount, self._password, request.payment_id)
        expected = rules.token(*signed, self.team_slug)
        self._authenticate(request.team_slug, request.token, expected, "3001")
        self.expire_due()
        now = self.clock()
        with self._store.transaction():
            payment = self._get(request.payment_id, code="3404")
            if payment.status is Status.CONFIRMED:
                done = refund(payment, request.amount)
            else:
                done = release(payment, request.amount)
            done = replace(done, payment=replace(done.payment, updated_at=now))
            self._store.save(done.payment)
        if done.payment.status is not payment.status:
            self._announce(done.payment)
        return done

    def start_attempt(self, payment_id: str) -> Payment:
        """Begin the one attempt to pay; raise IllegalStepError when it was made before."""
        return self._step(payment_id, to=Status.FORM_SHOWED)

    def authorize(self, payment_id: str) -> Payment:
        """Record that the bank approved the card."""
        return self._step(payment_id, to=Status.AUTHORIZED)

    def reject(self, payment_id: str) -> Payment:
        """Record that the bank refused the card."""
        return self._step(payment_id, to=Status.REJECTED)

    def get(self, payment_id: str) -> Payment:
        """Return a payment as it is, without a token: for the gateway's own pages."""
        self.expire_due()
        with self._store.transaction():
            return self._get(payment_id, code="1404")

    def list_payments(self) -> list[Payment]:
        """Return every payment, oldest first."""
        self.expire_due()
        with self._store.transaction():
            return self._store.all()

    def list_latest(self, limit: int) -> list[Payment]:
        """Return the newest payments, newest first."""
        self.expire_due()
        with self._store.transaction():
            return self._store.latest(limit)

    def expire_due(self) -> None:
        """Expire what was not paid in time; as coded nothing ever expires."""
        if self.mode is Mode.CODED:
            return
        now = self.clock()
        with self._store.transaction():
            expired = [
                replace(
                    payment, status=rules.advance(payment.status, to=Status.EXPIRED), updated_at=now
                )
                for payment in self._store.expired(now)
            ]
            for payment in expired:
                self._store.save(payment)
        for payment in expired:
            self._announce(payment)

    def _step(self, payment_id: str, *, to: Status) -> Payment:
        self.expire_due()
        with self._store.transaction():
            payment = self._get(payment_id, code="1404")
            status = rules.advance(payment.status, to=to)
            payment = replace(payment, status=status, updated_at=self.clock())
            self._store.save(payment)
        self._announce(payment)
        return payment

    def _get(self, payment_id: str, *, code: str) -> Payment:
        payment = self._store.find(payment_id)
        if payment is None:
            raise Refusal(404, code, "The payment is not found.")
        return payment

    def _authenticate(self, slug: str, token: str | None, expected: str, code: str) -> None:
        same = compare_digest((token or "").encode(), expected.encode())
        if slug != self.team_slug or not same:
            raise Refusal(401, code, "Authentication failed.")

    def _announce(self, payment: Payment) -> None:
        if payment.status in rules.ANNOUNCED[self.mode]:
            self._webhooks.send(payment.id, payment.status, payment.updated_at)

    def _remember(
        self, key: tuple[str | None, str | None], payment: Payment, now: datetime
    ) -> None:
        lifetime = _FINAL_CACHED_FOR if payment.status in rules.FINAL else _CACHED_FOR
        if len(self._answers) >= _CACHE_SIZE:
            self._answers = {k: v for k, v in self._answers.items() if v[0] > now}
        self._answers[key] = (now + lifetime, payment)
