"""Passwords and tokens in addresses appear in no output."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from running import plain_video
from tubecam import Explainer, TubecamError
from tubecam.cli.run import make_job
from tubecam.text.redaction import redact
from tubecam.video.source import parse_source

CANARY = "hunter2canary"
ADDRESSES = [
    f"rtsp://user:{CANARY}@127.0.0.1:9/nope",
    f"rtsp://user:{CANARY}@no.such.host.invalid/nope",
    f"rtsp://user:a/{CANARY}@127.0.0.1:9/nope",  # a slash that should have been escaped
    f"rtsp://user:a@{CANARY}@127.0.0.1:9/nope",
    f"rtsp://{CANARY}@127.0.0.1:9/nope",
    f"http://user:{CANARY}@127.0.0.1:9/a.mp4",
    f"http://127.0.0.1:9/a.mp4?token={CANARY}",
    f"http://127.0.0.1:9/a.mp4?a=b&key={CANARY}#{CANARY}",
    f"https://user:{CANARY}@127.0.0.1:9/a.mp4",
    f"srt://127.0.0.1:9?passphrase={CANARY}",
    f"rtmp://user:{CANARY}@127.0.0.1:9/app",
    f"nonsense://user:{CANARY}@host/a",
]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:p@h/x", "rtsp://***@h/x"),
        ("rtsp://u:p@h:554/x: it is gone", "rtsp://***@h:554/x: it is gone"),
        ("cannot open http://h/a?k=v.", "cannot open http://h/a?***."),
        ("(http://h/a?k=v, and 'http://u:p@h/b')", "(http://h/a?***, and 'http://***@h/b')"),
        ("rtsp://u:p/q@h/x", "rtsp://***@h/x"),
        ("rtsp://u:p@q@h/x", "rtsp://***@h/x"),
        ("http://h:8080/a/b.mp4", "http://h:8080/a/b.mp4"),
        ("http://h/@me/a", "http://h/@me/a"),
        ("http://[::1]:80/a#b", "http://[::1]:80/a#***"),
        ("what? me@home, 10:30", "what? me@home, 10:30"),
        ("/a/b?c.mp4 and x@y.mp4", "/a/b?c.mp4 and x@y.mp4"),
    ],
)
def test_what_is_left_out(text, shown):
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_source_shows_no_secret(address):
    source = parse_source(address)
    assert source.uri == address  # GStreamer needs it
    assert CANARY not in source.name and CANARY not in repr(source) and CANARY not in str(source)


@pytest.mark.parametrize("address", ADDRESSES)
def test_errors_and_progress_show_no_secret(address, tmp_path, tubecam_command):
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    done = tubecam_command("run", address, "-o", out, "--jsonl", jsonl, "--timeout", "3")
    assert done.returncode in (1, 4) and CANARY not in done.stdout + done.stderr
    assert done.stderr.startswith("tubecam: ") and done.stderr.count("\n") == 1, done.stderr
    assert all(CANARY not in path.read_text() for path in tmp_path.iterdir())


def test_wrong_usage_shows_no_secret(tubecam_command):
    address = ADDRESSES[0]
    for arguments in (
        ["run", address, address, "--jsonl", "-"],
        ["run", address, "--hop", address],
        ["run", address, "--sampling", "uniform", "--jsonl", "-"],
        ["run", address, "--bundle", address],
        ["methods", address, "-o", "/nowhere/a.png"],
        ["bench", "motion", "--stream", address],
    ):
        done = tubecam_command(*arguments)
        assert done.returncode != 0 and CANARY not in done.stdout + done.stderr, arguments


def test_python_shows_no_secret(motion_bundle):
    with Explainer(motion_bundle) as explainer:
        for address in ADDRESSES[:1] + ADDRESSES[5:7]:
            with pytest.raises(TubecamError) as failed:
                list(explainer.explain_video(address))
            assert CANARY not in str(failed.value)
            cause = failed.value.__cause__ or failed.value.__context__
            assert CANARY not in str(cause)


# ---- a stream that plays ----


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Wants the password, and the token."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        import base64

        wanted = "Basic " + base64.b64encode(f"user:{CANARY}".encode()).decode()
        if self.headers.get("Authorization") != wanted or f"token={CANARY}" not in self.path:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.path = self.path.partition("?")[0]
        super().do_GET()

    def log_message(self, *_args):
        pass


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    plain_video(folder / "a.mp4", muxer="mp4mux faststart=true")
    handler = functools.partial(Guarded, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/a.mp4"
        server.shutdown()


def test_no_output_of_a_run_holds_a_secret(server, tmp_path):
    """Video, lines, sheet, progress, summary: their bytes are searched."""
    address = f"http://user:{CANARY}@{server}?token={CANARY}"
    names = [tmp_path / f"out.{end}" for end in ("mkv", "jsonl", "png")]
    out, jsonl, sheet = names
    command = [sys.executable, "-m", "tubecam", "run", address, "-o", out, "--jsonl", jsonl]
    done = subprocess.run([*command, "--sheet", sheet], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "60 frames" in done.stderr and CANARY not in done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in names}
    assert all(CANARY.encode() not in path.read_bytes() for path in names)


def test_a_wrong_password_is_said_to_be_wrong(server, tmp_path, tubecam_command):
    address = f"http://user:wrong{CANARY}@{server}?token={CANARY}"
    done = tubecam_command("run", address, "--jsonl", tmp_path / "a")
    assert done.returncode == 4 and "a user and a password" in done.stderr
    assert CANARY not in done.stderr and server in done.stderr


def test_the_sheet_of_a_stream_is_named_without_it(motion_bundle):
    from argparse import Namespace

    from tubecam.cli import main as cli
    from tubecam.run.job import Result, sheet_info

    address = f"rtsp://user:{CANARY}@host/live?token={CANARY}"
    args = cli._parser(["run"]).parse_args(["run", address, "--sheet", "a.png"])
    assert isinstance(args, Namespace)
    info = sheet_info(make_job(args), Result())
    assert CANARY not in repr(info) and info.title == "rtsp://***@host/live?***"
    assert Path(info.title).name  # a title, not a path
