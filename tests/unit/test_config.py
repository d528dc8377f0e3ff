"""The settings: what is unknown or wrong refuses to start and says why, secrets stay secret."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from app.kernel import config

DATABASE = {"DATABASE_URL": "postgresql://biletter:hunter2@db/biletter"}
NUMBERS = [
    *("BILETTER_WORKERS", "BILETTER_DATABASE_POOL_SIZE", "BILETTER_AUTH_CACHE_SIZE"),
    *("BILETTER_DATABASE_DEADLINE", "BILETTER_STATEMENT_TIMEOUT", "BILETTER_LOCK_TIMEOUT"),
    *("BILETTER_DRAIN_SECONDS", "BILETTER_STOP_SECONDS", "BILETTER_AUTH_CACHE_SECONDS"),
    *("BILETTER_SEATS_FRESHNESS", "BILETTER_CATALOGUE_FRESHNESS", "BILETTER_EXPIRY_SECONDS"),
    *("PAYMENT_DEADLINE", "PAYMENT_POLL_SECONDS", "EVENT_PROVIDER_DEADLINE"),
]


def load(**variables: str) -> config.Settings:
    return config.load(DATABASE | variables)


def test_the_address_of_the_database_is_all_that_has_to_be_set() -> None:
    settings = load()
    assert settings.database_url == DATABASE["DATABASE_URL"]
    assert settings.workers == 2
    assert not settings.allow_reset
    assert settings.payment_gateway_url == ""


@pytest.mark.parametrize("environ", [{}, {"DATABASE_URL": ""}])
def test_without_a_database_it_does_not_start(environ: dict[str, str]) -> None:
    with pytest.raises(config.SettingsError, match="DATABASE_URL is missing"):
        config.load(environ)


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load(BILETTER_WORKERS="", BILETTER_LOG_LEVEL="") == load()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("BILETTER_WORKER", "BILETTER_WORKERS"),
        ("BILETTER_ALOW_RESET", "BILETTER_ALLOW_RESET"),
        ("BILETTER_LOCKTIMEOUT", "BILETTER_LOCK_TIMEOUT"),
        ("BILETTER_workers", None),
        ("BILETTER_XYZZY", None),
        ("BILETTER_", None),
        ("BILETTER_DATABASE_URL", None),
    ],
)
def test_an_unknown_setting_is_refused_with_a_hint_where_there_is_one(
    given: str, meant: str | None
) -> None:
    with pytest.raises(config.SettingsError) as refused:
        load(**{given: "1"})
    assert f"{given} does not exist" in str(refused.value)
    if meant:
        assert f"Did you mean {meant}?" in str(refused.value)


def test_variables_of_others_are_none_of_our_business() -> None:
    assert load(PATH="/bin", WORKERS="many", BILETTERS_WORKERS="x") == load()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf", "1e9", "true", "null", "1 s", "٣"])
def test_a_number_that_is_wrong_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(config.SettingsError) as refused:
        load(**{name: value})
    assert name in str(refused.value)
    assert repr(value) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILETTER_WORKERS", "0"),
        ("BILETTER_WORKERS", "1.5"),
        ("BILETTER_LOCK_TIMEOUT", "0"),
        ("BILETTER_ALLOW_RESET", "maybe"),
        ("BILETTER_ALLOW_RESET", "2"),
        ("BILETTER_LOG_LEVEL", "info"),
        ("BILETTER_LOG_LEVEL", "INFO "),
        ("BILETTER_LOG_REQUESTS", "some"),
        ("BILETTER_PUBLIC_URL", "tickets.example.com"),
        ("BILETTER_PUBLIC_URL", "ftp://tickets.example.com"),
        ("PAYMENT_GATEWAY_URL", "https://"),
        ("PAYMENT_GATEWAY_URL", "https://pay.example.com/a b"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(config.SettingsError) as refused:
        load(**{name: value})
    assert name in str(refused.value)
    assert repr(value) in str(refused.value)


@pytest.mark.parametrize("value", ["true", "1", "false", "0"])
def test_a_switch_is_true_or_false(value: str) -> None:
    assert load(BILETTER_ALLOW_RESET=value).allow_reset is (value in ("true", "1"))


@pytest.mark.parametrize("field", sorted(config._SECRET))
def test_the_value_of_a_secret_is_never_shown(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise msgspec.ValidationError("Expected something else")

    monkeypatch.setattr(config.msgspec, "convert", refuse)
    variable = config.variable(field)
    with pytest.raises(config.SettingsError) as refused:
        config.load({variable: "hunter2"})
    assert variable in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_everything_that_sounds_secret_is_one() -> None:
    assert {
        field
        for field in config.Settings.__struct_fields__
        if any(word in field for word in ("password", "secret", "token", "key"))
    } <= config._SECRET


def test_every_setting_is_described_in_a_sentence_and_stands_in_the_table() -> None:
    table = config.table()
    for field in config.Settings.__struct_fields__:
        description = config.description(field)
        assert description.endswith("."), field
        (row,) = [row for row in table.splitlines() if f"`{config.variable(field)}`" in row]
        assert description in row


def test_the_table_is_what_the_command_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "app.kernel.config"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert printed.stdout.strip() == config.table()
