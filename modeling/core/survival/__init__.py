"""Survival outcomes: Cox regression, concordance, risk groups."""
