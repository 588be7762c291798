"""Tables of clinical data and outcomes: read, checked row by row, and written only when asked."""
