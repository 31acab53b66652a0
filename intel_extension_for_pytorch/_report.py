"""What `ipex.optimize` tells about its work."""

from __future__ import annotations

import logging

logger = logging.getLogger("intel_extension_for_pytorch")


class Report:
    """Says what was done, and what was not and why, to the user or to the logger."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose

    def done(self, message: str) -> None:
        self._say(logging.INFO, message)

    def skipped(self, message: str) -> None:
        """For what does not apply here: nothing that the user would miss."""
        self._say(logging.INFO, message)

    def missed(self, message: str) -> None:
        """For what was wanted and could not be done."""
        self._say(logging.WARNING, message)

    def _say(self, level: int, message: str) -> None:
        if self._verbose:
            print(f"ipex.optimize: {message}")
        else:
            logger.log(level, "ipex.optimize: %s", message)
