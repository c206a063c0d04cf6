import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def recorded():
    """All recorded streams of this repository, but one that is damaged on purpose."""
    listed = sorted(p for top in ("testdata", "contrib/testdata", "internal") for p in (ROOT / top).rglob("*.skb"))
    assert len(listed) > 20
    return listed


@pytest.fixture
def tool():
    """Runs one of our programs: tool("skb-sort", "-o", "json", data=b"...") gives its stdout."""

    def run(name, *args, data=b""):
        done = subprocess.run([ROOT / "bin" / name, *args], input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body
