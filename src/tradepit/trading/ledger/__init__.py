"""Lots, margin, frozen amounts, fees, profit and settlement: who owns what, exact to the last digit."""
