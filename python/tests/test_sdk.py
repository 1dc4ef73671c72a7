"""What the cog package has, ours and the real one."""

import copy
import dataclasses
import importlib
import io
import pickle
import subprocess
import sys
from typing import List, Optional

import cog
import pytest
from conftest import REAL_SDK, ROOT


def test_public_names():
    """Section 16 of the contract."""
    for name in (
        "BaseRunner BasePredictor BaseModel Opaque Input FieldInfo Path Secret File URLFile URLPath ConcatenateIterator "
        "AsyncConcatenateIterator CancelationException current_scope streaming concurrent __version__ "
        "ExperimentalFeatureWarning emit_metric"
    ).split():
        assert getattr(cog, name) is not None, name
    for name in ("types", "input", "predictor", "model", "coder", "mode", "errors", "suppress_output"):
        importlib.import_module(f"cog.{name}")
    if not REAL_SDK:
        from cog.exceptions import CancelationException

        assert CancelationException is cog.CancelationException
    import coglet

    assert issubclass(cog.CancelationException, BaseException) and not issubclass(cog.CancelationException, Exception)
    assert cog.CancelationException is coglet.CancelationException and coglet.server.active is False


def test_optional_fields_of_an_output_can_be_left_out():
    class Output(cog.BaseModel):
        name: Optional[str]
        score: "Optional[float]"
        tags: list = dataclasses.field(default_factory=list)

    class Strict(cog.BaseModel):
        text: str
        maybe: Optional[int]

    assert Strict(text="t", maybe=2).maybe == 2
    with pytest.raises(TypeError, match="text"):
        Strict()
    with pytest.raises(TypeError):
        Output(nothing=1)
    if REAL_SDK:  # contrary to its documentation
        with pytest.raises(TypeError, match="name"):
            Output(score=1.5)
        return

    class Mutable(cog.BaseModel):
        tags: List[str] = ["a"]

    Mutable().tags.append("b")
    assert Mutable().tags == ["a"]
    assert Output(score=1.5) == Output(None, 1.5, []) and Output("a").name == "a"
    assert Strict("t").maybe is None


def test_base_models():
    class Output(cog.BaseModel):
        a: int

    class More(Output):
        b: str = "x"

    assert dataclasses.asdict(More(a=1)) == {"a": 1, "b": "x"}

    @dataclasses.dataclass
    class Other:
        c: int = 0

    with pytest.raises(TypeError):

        class Mixed(cog.BaseModel, Other):
            pass

    with pytest.raises(ValueError):

        class Plain(Output, auto_dataclass=False):
            pass


def test_secrets():
    secret = cog.Secret("hidden")
    assert (str(secret), repr(secret), secret.get_secret_value()) == ("**********", "Secret(**********)", "hidden")
    assert str(cog.Secret()) == "" and cog.Secret("a") == cog.Secret("a")
    with pytest.raises(Exception):
        secret.secret_value = "b"


def test_values_of_the_sdk_go_to_other_processes():
    for value in (cog.Secret("a"), cog.Secret(), cog.Input(default=[1], ge=0, description="d"), cog.Path("/tmp/x")):
        for same in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert same == value and type(same) is type(value) and repr(same) == repr(value)

    @dataclasses.dataclass
    class Output:
        token: cog.Secret

    dataclasses.asdict(Output(cog.Secret("hidden")))  # copies it
    with pytest.raises(AttributeError):
        cog.Input(default=1).default = 2


def test_paths(tmp_path):
    path = cog.Path(str(tmp_path)) / "a.txt"
    assert type(path) is cog.Path and cog.Path.validate(path) is path
    url = cog.Path.validate("data:text/plain;base64,aGk=")
    assert isinstance(url, cog.URLPath) and str(url) == "data:text/plain;base64,aGk="
    local = url.convert()
    assert local.read_text() == "hi" and local.name.endswith("file.txt") and url.convert() == local
    url.unlink()
    assert not local.exists()
    long = cog.Path.validate("https://example.com/" + "\u00fc" * 300 + ".png")
    assert len(long.name.encode()) <= 200 and long.name.endswith("~.png")


def test_files():
    file = io.BytesIO(b"x")
    assert cog.File.validate(file) is file and cog.File.validate("data:,hi").read() == b"hi"
    assert pickle.loads(pickle.dumps(cog.URLFile("https://example.com/a.png"))).name == "a.png"
    with pytest.raises(ValueError, match="'ftp' is not a valid URL scheme. 'data', 'http', or 'https' is supported."):
        cog.File.validate("ftp://example.com/a")
    with pytest.raises(ValueError):
        cog.URLFile("ftp://example.com/a")


def test_decorators():
    async def later(): ...

    def now(): ...

    assert cog.streaming(now) is now and cog.streaming()(now) is now
    assert cog.concurrent(max=2)(later).__cog_concurrent_max__ == 2 and cog.concurrent(now).__cog_concurrent_max__ == 1
    for bad in (True, "2", 1.5):
        with pytest.raises(TypeError, match="concurrent max must be an integer"):
            cog.concurrent(max=bad)
    with pytest.raises(ValueError):
        cog.concurrent(max=0)
    with pytest.raises(TypeError):
        cog.concurrent(max=2)(now)


def test_weights(monkeypatch):
    from cog.predictor import extract_setup_weights, has_setup_weights

    class With(cog.BasePredictor):
        def setup(self, weights): ...

    class Without(cog.BasePredictor):
        def setup(self): ...

    monkeypatch.setenv("COG_WEIGHTS", "w.bin")
    assert has_setup_weights(With()) and not has_setup_weights(Without())
    assert str(extract_setup_weights(With())) == "w.bin"


def test_suppressed_output_comes_back(tmp_path):
    program = (
        "from cog.suppress_output import suppress_output\nimport os\n"
        "print('before', flush=True)\n"
        "with suppress_output():\n    print('python', flush=True)\n    os.system('echo child')\n"
        "print('after', flush=True)\n"
    )
    env = {} if REAL_SDK else {"PYTHONPATH": str(ROOT)}
    if REAL_SDK:  # its package imports coglet, which is ours
        (tmp_path / "coglet").symlink_to(ROOT / "coglet")
        env = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("before\nafter\n", 0), done.stderr
