"""Statements in files: each is found by its name, and its variable parts are filled in."""

from __future__ import annotations

import pytest

from giftcodes import sql


def test_a_statement_ends_before_the_next(tmp_path, monkeypatch) -> None:
    (tmp_path / "two.sql").write_text(
        "-- About both.\n-- name: first\nSELECT {what}\n\n-- name: second\nSELECT 2\n"
    )
    monkeypatch.setattr(sql, "_FOLDER", tmp_path)

    assert sql.statement("two", "first", what="1") == "SELECT 1"
    assert sql.statement("two", "second") == "SELECT 2"


def test_a_missing_part_is_an_error(tmp_path, monkeypatch) -> None:
    (tmp_path / "one.sql").write_text("-- name: first\nSELECT {what}\n")
    monkeypatch.setattr(sql, "_FOLDER", tmp_path)

    with pytest.raises(KeyError, match="what"):
        sql.statement("one", "first")


def test_an_unknown_statement_is_an_error(tmp_path, monkeypatch) -> None:
    (tmp_path / "none.sql").write_text("")
    monkeypatch.setattr(sql, "_FOLDER", tmp_path)

    with pytest.raises(KeyError, match="first"):
        sql.statement("none", "first")


def test_comments_below_the_name_are_not_sent(tmp_path, monkeypatch) -> None:
    (tmp_path / "described.sql").write_text(
        "-- name: first\n-- What it is for.\n-- And why.\nSELECT 1\n-- Inside.\nFROM one\n"
    )
    monkeypatch.setattr(sql, "_FOLDER", tmp_path)

    assert sql.statement("described", "first") == "SELECT 1\n-- Inside.\nFROM one"
