"""What all tables of the ledger share."""

from __future__ import annotations

from sqlalchemy import MetaData

NAME = 255  # characters of a name: MySQL's longest key of four such names still fits
metadata = MetaData()
