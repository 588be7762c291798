"""Documents, charts and pages as plain values and files."""
