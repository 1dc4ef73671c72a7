"""The tests run with the bundled SDK, and again where the real cog package is installed."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL_SDK = importlib.util.find_spec("cog") is not None

# `coglet` is always ours; `cog` only where there is no other. The folder holds both, so that one is taken from a link.
sys.path.insert(0, str(ROOT))
if REAL_SDK:
    sys.path.remove(str(ROOT))
    spec = importlib.util.spec_from_file_location(
        "coglet", ROOT / "coglet" / "__init__.py", submodule_search_locations=[str(ROOT / "coglet")]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["coglet"] = module
    spec.loader.exec_module(module)

# What needs libraries is only collected where they are; make test-python names these files for those environments.
collect_ignore = [
    file
    for file, library in {"test_libraries.py": "numpy", "test_pydantic.py": "pydantic"}.items()
    if importlib.util.find_spec(library) is None
]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a predictor from its source."""
    from coglet import _load

    def load_source(source: str, ref: str = "", mode: str = "predict"):
        monkeypatch.chdir(tmp_path)
        name = f"model_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(source)
        return _load.load(f"{name}.py{':' + ref if ref else ''}", mode)

    return load_source
