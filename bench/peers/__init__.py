"""The peers: each called as its documentation shows, in this environment or in its own."""
