"""Coders turn types of the author's own into JSON objects and back."""

from abc import abstractmethod
from typing import Any, Dict, List, Optional, Type


class Coder:
    """Base class of coders."""

    _coders: List[Type["Coder"]] = []

    @staticmethod
    def register(coder: Type["Coder"]) -> None:
        """Use a coder from now on."""
        Coder._coders.append(coder)

    @staticmethod
    def lookup(tpe: Type[Any]) -> Optional["Coder"]:
        """Return the first registered coder that takes a type."""
        for kind in Coder._coders:
            coder = kind.factory(tpe)
            if coder is not None:
                return coder
        return None

    @staticmethod
    @abstractmethod
    def factory(tpe: Type[Any]) -> Optional["Coder"]:
        """Return a coder for a type, None when it is not this one's."""

    @abstractmethod
    def encode(self, value: Any) -> Dict[str, Any]:
        """Return value as a JSON object."""

    @abstractmethod
    def decode(self, value: Dict[str, Any]) -> Any:
        """Return what a JSON object stands for."""
