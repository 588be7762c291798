"""Scripts that run under the Python of a peer: they may import nothing of ours."""
