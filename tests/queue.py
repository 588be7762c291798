"""A queue that keeps messages instead of sending them, so that no test needs a broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from celery import current_app
from celery.canvas import Signature
from django.test import TestCase


@dataclass
class Queue:
    """Messages in the order in which they were sent: name of the task and its arguments."""

    messages: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def instead_of_broker(cls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
        """Catch whatever is sent meanwhile."""
        queue = cls()

        def keep(signature: Signature, *args: Any, **options: Any) -> None:
            queue.messages.append((signature.task, tuple(signature.args)))

        monkeypatch.setattr(Signature, "apply_async", keep)
        yield queue

    def work(self) -> int:
        """Do what a worker would do, until nothing waits; also what the work itself sends. Gives how many tasks."""
        current_app.loader.import_default_modules()
        done = 0
        while self.messages:
            name, arguments = self.messages.pop(0)
            with TestCase.captureOnCommitCallbacks(execute=True):
                current_app.tasks[name](*arguments)
            done += 1
        return done
