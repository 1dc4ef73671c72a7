"""The annotations of a function, without strings."""

import sys
from typing import Any, Dict

from ._places import place_of


def annotations_of(function: Any) -> Dict[str, Any]:
    """Return them as they were written."""
    try:
        found: Dict[str, Any] = function.__annotations__
    except NameError:  # Python 3.14 evaluates them now: a name that only type checkers see
        import annotationlib  # type: ignore[import-not-found,unused-ignore]  # novermin

        found = annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)  # novermin
    return found


def resolve(annotation: Any, function: Any) -> Any:
    """Return an annotation without strings; one that cannot be resolved stands for nothing, and is told of."""
    if not _has_string(annotation):
        return annotation
    try:
        return _evaluate(annotation, function)
    except Exception as error:  # user code: names that do not exist, syntax of a newer Python
        if isinstance(annotation, str) and sys.version_info < (3, 10) and "|" in annotation:
            try:
                return _evaluate(_without_bars(annotation), function)
            except Exception:
                pass
        shown = annotation if isinstance(annotation, str) else repr(annotation)
        print(
            f"coglet: {place_of(function)}: annotation {shown!r} cannot be resolved ({type(error).__name__}: {error}); "
            "any value is taken for it",
            file=sys.stderr,
        )
        return None


def _has_string(annotation: Any) -> bool:
    if isinstance(annotation, str) or type(annotation).__name__ == "ForwardRef":
        return True
    if getattr(annotation, "__origin__", None) is None and type(annotation).__name__ not in ("UnionType", "Union"):
        return False
    typing = sys.modules.get("typing")
    if typing is not None and getattr(annotation, "__origin__", None) is typing.Literal:
        return False
    return any(map(_has_string, getattr(annotation, "__args__", ())))


def _evaluate(annotation: Any, function: Any) -> Any:
    import typing

    holder = type("holder", (), {"__annotations__": {"it": annotation}})
    return typing.get_type_hints(holder, function.__globals__, {}, include_extras=True)["it"]


def _without_bars(annotation: str) -> str:
    """Return A | B as Union[A, B], which Python 3.9 can evaluate."""
    import ast

    class Unions(ast.NodeTransformer):
        def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
            self.generic_visit(node)
            if not isinstance(node.op, ast.BitOr):
                return node
            union = ast.parse("__import__('typing').Union", mode="eval").body
            return ast.Subscript(union, ast.Tuple([node.left, node.right], ast.Load()), ast.Load())

    return ast.unparse(ast.fix_missing_locations(Unions().visit(ast.parse(annotation, mode="eval"))))
