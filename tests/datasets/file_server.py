"""A server of one folder of files on this machine, which misbehaves as it is told to."""

import hashlib
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """What one answer does; the answers of `Server.script` are given in turn, then honest ones."""

    status: int | None = None  # an error, without the file
    stop_after: int | None = None  # bytes after which the connection breaks
    wait: threading.Event | None = None  # wait for it after those bytes; then break
    length: int | None = None  # a lie
    ranges: bool = True  # whether it sends the rest when it is asked for the rest
    blind: bool = False  # whether it sends the rest of another version without looking
    body: bytes | None = None  # in place of the file
    tag: bool = True  # whether it names the version
    sized: bool = True  # whether it names the length
    headers: dict = {}


class Server:
    """Files by name; `asked` has the headers of each request."""

    def __init__(self, port, files):
        self.root, self.files = f"http://127.0.0.1:{port}", dict(files)
        self.script, self.asked, self.sent = [], [], threading.Event()

    def address(self, name):
        return f"{self.root}/{name}"


@contextmanager
def serving(**files):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(dict(self.headers))
            answer = server.script.pop(0) if server.script else Answer()
            respond(self, server, answer)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server = Server(httpd.server_port, files)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def respond(request, server, answer):
    body = server.files[request.path.lstrip("/")] if answer.body is None else answer.body
    tag = f'"{hashlib.md5(body).hexdigest()}"'
    start = first_byte(request.headers) if answer.ranges else 0
    if not answer.blind and request.headers.get("If-Range", tag) != tag:
        start = 0
    if answer.status is not None:
        status, rest, length = answer.status, b"", 0
    elif start >= len(body) and start:
        status, rest, length = 416, b"", 0
    else:
        status, rest = 206 if start else 200, body[start:]
        length = len(rest) if answer.length is None else answer.length
    request.send_response(status)
    if answer.sized:
        request.send_header("Content-Length", str(length))
    if answer.tag:
        request.send_header("ETag", tag)
    if status == 206:
        request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    for name, value in answer.headers.items():
        request.send_header(name, value)
    request.end_headers()
    with suppress(ConnectionError):  # who asked has gone
        request.wfile.write(rest[: answer.stop_after])
        request.wfile.flush()
    if answer.wait is not None:
        server.sent.set()
        answer.wait.wait(10)
    request.close_connection = True


def first_byte(headers):
    asked = headers.get("Range", "bytes=0-")
    return int(asked.removeprefix("bytes=").rstrip("-"))
