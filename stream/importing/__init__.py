"""Rows that a CRM exports, as events: what `leadstream import` does."""
