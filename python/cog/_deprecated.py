"""Names that old predictors still import."""

import sys
from typing import Any

from coglet._scope import current_scope

_told = False


class ExperimentalFeatureWarning(FutureWarning):
    """Was given for features that are no longer experimental."""


def emit_metric(name: str, value: Any) -> None:
    """Record a metric of the running prediction. Deprecated: current_scope().record_metric(name, value)."""
    global _told
    if not _told:
        _told = True
        print("cog.emit_metric is deprecated: use current_scope().record_metric", file=sys.stderr)
    current_scope().record_metric(name, value)
