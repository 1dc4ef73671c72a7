"""The names that the cog package imports from coglet._sdk."""

from ._scope import MetricRecorder, Scope, current_scope
from ._streams import Stream as _SlotLogWriter

_TeeWriter = _SlotLogWriter

__all__ = ["MetricRecorder", "Scope", "_SlotLogWriter", "_TeeWriter", "current_scope"]
