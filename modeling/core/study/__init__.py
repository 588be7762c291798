"""One study: final models, and every honest way to say how good they are."""
