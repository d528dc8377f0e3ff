"""The knobs that make the simulator misbehave."""

from typing import Literal

from msgspec import Struct, field

from app.simulators.common import knobs as common
from app.simulators.common.knobs import Count, Fault, Seconds
from app.simulators.gateway import rules


class CallKnobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can go wrong with one call."""

    latency_ms: Count = 0  # Before the deed.
    answer_latency_ms: Count = 0  # After the deed: the answer is late.
    fail: Fault = field(default_factory=Fault)  # Nothing is done.
    fail_status: Literal[402, 408, 422, 500, 502, 503] = 500
    limit: Fault = field(default_factory=Fault)  # 429; nothing is done.
    retry_after: Count = 1  # Seconds, told with a 429.
    drop: Fault = field(default_factory=Fault)  # The deed is done, the connection is cut.


class CardKnobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """How long the bank thinks, and whether it refuses a card it would take."""

    min_seconds: Seconds = 0.5
    max_seconds: Seconds = 2.0
    decline: Fault = field(default_factory=Fault)


class WebhookKnobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can go wrong with a webhook."""

    lost: Fault = field(default_factory=Fault)
    doubled: Fault = field(default_factory=Fault)
    late: Fault = field(default_factory=Fault)
    late_seconds: Seconds = 3.0
    reordered: Fault = field(default_factory=Fault)  # Waits until the payment's next one went.
    reordered_seconds: Seconds = 5.0  # But no longer than this.
    forged: Fault = field(default_factory=Fault)  # Carries a wrong signature.


class Knobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """All knobs; `down` answers 503 to everything but the simulator's own pages."""

    down: bool = False
    init: CallKnobs = field(default_factory=CallKnobs)
    check: CallKnobs = field(default_factory=CallKnobs)
    confirm: CallKnobs = field(default_factory=CallKnobs)
    cancel: CallKnobs = field(default_factory=CallKnobs)
    render: CallKnobs = field(default_factory=CallKnobs)
    submit: CallKnobs = field(default_factory=CallKnobs)
    cards: CardKnobs = field(default_factory=CardKnobs)
    webhooks: WebhookKnobs = field(default_factory=WebhookKnobs)


class Panel(common.Panel[Knobs]):
    """Holds the gateway's knobs, and plays its bank."""

    def __init__(self, *, seed: int, knobs: Knobs | None = None) -> None:
        super().__init__(seed=seed, knobs=knobs or Knobs())

    def approves(self, card_number: str) -> bool:
        """Decide on a card as the bank does."""
        if self.strikes(self.knobs.cards.decline):
            return False
        outcome = rules.judge_card(card_number)
        if outcome is rules.CardOutcome.BY_CHANCE:
            with self._lock:
                return self._random.random() < rules.APPROVAL_RATE
        return outcome is rules.CardOutcome.APPROVED

    def thinking_seconds(self) -> float:
        """Say how long the bank takes over a card."""
        cards = self.knobs.cards
        with self._lock:
            return self._random.uniform(cards.min_seconds, cards.max_seconds)
