"""The steps that lead to the tables of records, and how much of such a database one member uses."""

from tradepit.backends.store.record_tables import RECORDS
from tradepit.backends.store.revisions import Steps

RECORD_STEPS = Steps("0002", RECORDS.sorted_tables)
