"""docs/recipes.md: each command is run, and prints what the page shows.

SKB_UPDATE=1 writes what they print into the page.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

PAGE = ROOT / "docs/recipes.md"
TEXT = PAGE.read_text()
BLOCK = re.compile(r"^## (?P<title>[^\n]*)\n(?:(?!^## ).)*?```console\n(?P<body>.*?)```\n", re.S | re.M)

# What stands for what this machine may not do: skb-collect writes a recorded stream, as its command line makes it;
# the other two run the command that they are given.
STANDS = {
    "ssh": 'host=$1; shift; SKB_HOST=$host exec "$@"',
    "systemd-run": '[ "$1 $2" = "--unit skb-night" ] && shift 2 && exec "$@"',
    "skb-collect": """
out= files=
while [ $# -gt 0 ]; do
	case $1 in
	-w) out=$2; shift ;;
	-p|-f|--profile|--rotate|--duration) shift ;;
	-q|--nft-trace) ;;
	--) shift; files=$("$@"); break ;;
	*) echo "skb-collect: $1" >&2; exit 2 ;;
	esac
	shift
done
[ -z "$out" ] || [ "$out" = /var/tmp/night.skb.zst ] || exit 2
if [ "${SKB_HOST-}" ]; then # each host has its name
	skb-sort -o json "$SKB_STREAMS/x.skb" | sed "s/\\"host\\":\\"guest\\"/\\"host\\":\\"$SKB_HOST\\"/"
	exit
fi
[ "$out" ] || cat "$SKB_STREAMS/${files:-x.skb}"
""",
}


def commands(body):
    """The commands of a block, each with what it prints."""
    found = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append([line[2:], ""])
        else:
            found[-1][1] += line
    return found


BLOCKS = list(BLOCK.finditer(TEXT))
ELSEWHERE = ("Kafka:", "ClickHouse:")  # contrib/fleet/tests has what these take


def test_there_are_recipes():
    assert len(BLOCKS) == TEXT.count("```console\n") >= 11
    titles = " ".join(b["title"] for b in BLOCKS).lower()
    for word in ("jq", "miller", "duckdb", "pandas", "wireshark", "mergecap", "ssh", "systemd-run", "git bisect", "ci:", "prometheus", "kafka",
                 "clickhouse"):
        assert word in titles


@pytest.mark.parametrize("block", [b for b in BLOCKS if not b["title"].startswith(ELSEWHERE)], ids=lambda b: b["title"])
def test_recipe(block, tmp_path):
    stands = tmp_path / "stands"
    stands.mkdir()
    for name, script in STANDS.items():
        (stands / name).write_text("#!/bin/bash\n" + script + "\n")
        (stands / name).chmod(0o755)
    (stands / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (stands / "python3").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(ROOT / "testdata/traffic-6.12.skb", work / "x.skb")
    shutil.copy(ROOT / "internal/drops/testdata/drops/firewall-6.1.skb", work / "fw.skb")
    shutil.copy(ROOT / "testdata/traffic-6.12.skb", work / "drops.skb")
    env = {**os.environ, "PATH": f"{stands}:{ROOT / 'bin'}:{os.environ['PATH']}", "TZ": "UTC", "LC_ALL": "C.UTF-8",
           "SKB_STREAMS": str(work), "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    env.pop("PYTHONPATH", None)
    if "PYTHONPATH" in os.environ:
        env["PYTHONPATH"] = os.environ["PYTHONPATH"]
    (work / "traffic").write_text("#!/bin/sh\necho fw.skb\n")
    (work / "traffic").chmod(0o755)
    if "bisect" in block["title"]:
        history(work, env)
    printed = ""
    for command, shown in commands(block["body"]):
        if command.startswith("cat "):
            (work / command.split()[1]).write_text(shown)
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=work, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        printed += f"$ {command}{done.stdout}"
        if not os.environ.get("SKB_UPDATE"):
            assert done.stdout == shown, command
    if os.environ.get("SKB_UPDATE"):
        page = PAGE.read_text()
        assert block["body"] in page
        PAGE.write_text(page.replace(block["body"], printed))


def history(work, env):
    """Eight commits, of which the sixth makes traffic that is dropped. One before it can't be built."""

    def git(*args):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *args], cwd=work, env=env, check=True,
                       capture_output=True)

    git("init", "-q")
    (work / ".gitignore").write_text("*.skb\nbisect.sh\n")
    # A stream with no drop: what is in x.skb without its drops.
    import skbstream

    with (work / "quiet.skb").open("wb") as out, skbstream.Writer(out) as w:
        for r in skbstream.filtered(skbstream.read(work / "x.skb"), lambda r: not (r.type == "event" and r.dropped)):
            w.write(r)
    for n in range(1, 9):
        (work / "Makefile").write_text("all:\n\t" + ("false" if n == 4 else "true") + "\n")
        (work / "traffic").write_text(f"#!/bin/sh\n# {n}\necho {'fw.skb' if n >= 6 else 'quiet.skb'}\n")
        git("add", ".")
        git("-c", f"core.hooksPath={pathlib.Path('/nonexistent')}", "commit", "-q", "-m", f"change {n}")
        if n == 1:
            git("tag", "v1")
    env["GIT_AUTHOR_NAME"] = env["GIT_COMMITTER_NAME"] = "x"
    env["GIT_AUTHOR_EMAIL"] = env["GIT_COMMITTER_EMAIL"] = "x@example.org"
