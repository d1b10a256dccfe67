"""A ranking as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import io
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv

# Cells that begin so are run as formulas by spreadsheets; a leading apostrophe makes them text (OWASP, CSV injection).
_ACTIVE = re.compile(r"^[=+\-@\t\r]")


def csv_bytes(table: pa.Table) -> bytes:
    """UTF-8 CSV of a table; text cells that a spreadsheet would execute get a leading apostrophe."""
    for i, column in enumerate(table.schema):
        if pa.types.is_string(column.type):
            values = table[column.name].to_numpy(zero_copy_only=False)
            active = [i for i, v in enumerate(values) if v is not None and _ACTIVE.match(v)]
            if active:
                values = np.array(values, dtype=object)
                values[active] = ["'" + values[j] for j in active]
                table = table.set_column(i, column.name, pa.array(values, pa.string()))
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer)
    return buffer.getvalue()
