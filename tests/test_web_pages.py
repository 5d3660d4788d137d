"""
Tests of the paths of the HTTP server, of what they answer, and of what they refuse.
"""

from __future__ import annotations

from unittest.mock import patch
from urllib.parse import unquote_to_bytes

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from twistedcam.camera import Camera
from twistedcam.restream.web import static
from twistedcam.restream.web.site import HEADERS, MAX_CONNECTIONS, MAX_READ
from twistedcam.restream.web.static import POLICY, StaticFile, loadFiles

from .lab import UID, LabCase
from .webkit import Answer, WebLab

STREAMS = ("stream.mjpeg", "stream.ts", "live.mp4")


class CameraListTests(LabCase):
    """C{/cameras}."""

    def test_list(self) -> None:
        """All cameras, in the fleet's order, with all that the page wants to know."""
        lab = WebLab()
        lab.fleet.add(Camera(lab.pc, address="192.0.2.99", name="door", title="Door"))
        answer = lab.get("/cameras")
        garden, door = answer.json
        self.assertEqual(
            ("door", "Door", None), (door["name"], door["title"], door["uid"])
        )
        self.assertEqual(
            {
                "name": "garden",
                "title": "IPCAM",
                "uid": str(UID),
                "address": "192.0.2.7",
                "state": "Up",
                "since": garden["since"],
                "codec": None,
                "width": None,
                "height": None,
                "fps": 0.0,
                "bitRate": 0,
                "lost": 0,
                "damaged": 0,
                "viewers": 0,
                "sound": None,
                "lastError": None,
                "reconnects": 0,
                "sub": None,
            },
            garden,
        )

    def test_one(self) -> None:
        """One camera has the same."""
        lab = WebLab()
        [garden] = lab.get("/cameras").json
        self.assertEqual(garden, lab.get("/cameras/garden").json)

    def test_head(self) -> None:
        """C{HEAD} has the same headers and no body."""
        lab = WebLab()
        for path in ("/cameras", "/cameras/garden"):
            get, head = lab.get(path), lab.visit().ask("HEAD", path)
            self.assertEqual(get.headers, head.headers)
            self.assertEqual((b"", True), (head.body, head.complete))

    def test_viewers(self) -> None:
        """Everybody who watches is counted, in whatever way."""
        lab = WebLab()
        visitors = [lab.visit() for _ in STREAMS]
        for visitor, stream in zip(visitors, STREAMS, strict=True):
            visitor.ask("GET", f"/cameras/garden/{stream}")
        lab.socket("/cameras/garden/mse")
        self.assertEqual(4, lab.get("/cameras/garden").json["viewers"])
        visitors[0].transport.hangUp()
        self.assertEqual(3, lab.get("/cameras/garden").json["viewers"])

    def test_hostileTitle(self) -> None:
        """Titles are data, whatever they are."""
        title = '</script><script>alert(1)</script>"\\\u2028\x00\x1b'
        lab = WebLab(camera={"title": title}, connect=False)
        answer = lab.get("/cameras/garden")
        self.assertEqual('</script><script>alert(1)</script>"\\', answer.json["title"])
        self.assertEqual("nosniff", answer.headers["x-content-type-options"])


class HeaderTests(LabCase):
    """What all answers have."""

    def test_all(self) -> None:
        """Nothing is cached, nothing sniffed, nothing told to others."""
        lab = WebLab()
        for path in ("/cameras", "/healthz", "/nothing", "/metrics", "/cameras/nobody"):
            headers = lab.get(path).headers
            for name, value in HEADERS.items():
                self.assertEqual(value, headers[name.lower()], (path, name))

    def test_noCors(self) -> None:
        """Pages of other hosts get no permission, also if they ask before."""
        lab = WebLab()
        for method in ("GET", "OPTIONS"):
            answer = lab.visit().ask(
                method,
                "/cameras/garden/ptz" if method == "OPTIONS" else "/cameras",
                {
                    "Origin": "https://evil.example",
                    "Access-Control-Request-Method": "POST",
                },
            )
            self.assertEqual(
                [], [name for name in answer.headers if "access-control" in name]
            )


class MethodTests(LabCase):
    """What can be done with a path."""

    def test_options(self) -> None:
        """One may ask."""
        lab = WebLab()
        for path, allowed in (
            ("/", "GET, HEAD, OPTIONS"),
            ("/cameras", "GET, HEAD, OPTIONS"),
            ("/cameras/garden/ptz", "POST, OPTIONS"),
            ("/cameras/garden/image", "GET, HEAD, POST, OPTIONS"),
            ("/cameras/garden/mse", "GET, OPTIONS"),
        ):
            answer = lab.visit().ask("OPTIONS", path)
            self.assertEqual((204, allowed), (answer.status, answer.headers["allow"]))

    def test_notAllowed(self) -> None:
        """Everything else is refused, with a list of what is allowed."""
        lab = WebLab()
        for method, path, allowed in (
            ("POST", "/cameras", "GET, HEAD"),
            ("DELETE", "/cameras/garden", "GET, HEAD"),
            ("PUT", "/", "GET, HEAD"),
            ("GET", "/cameras/garden/ptz", "POST"),
            ("HEAD", "/cameras/garden/light", "POST"),
            ("HEAD", "/cameras/garden/mse", "GET"),
            ("POST", "/cameras/garden/stream.ts", "GET, HEAD"),
            ("PROPFIND", "/events", "GET, HEAD"),
            ("get", "/cameras", "GET, HEAD"),
        ):
            answer = lab.visit().ask(method, path)
            self.assertEqual((405, allowed), (answer.status, answer.headers["allow"]))

    def test_star(self) -> None:
        """The server as a whole may be asked, too."""
        self.assertEqual(200, WebLab().visit().ask("OPTIONS", "*").status)


class NothingTests(LabCase):
    """Paths that lead nowhere."""

    PATHS = (
        "/nothing",
        "/cameras/",
        "/cameras/nobody",
        "/cameras/nobody/stream.ts",
        "/cameras/GARDEN",
        "/cameras/garden/",
        "/cameras/garden/nothing",
        "/cameras/garden/stream.ts/",
        "/cameras/garden/stream.ts/x",
        "/cameras//garden",
        "//cameras",
        "/cameras/gar%64en%00",
        "/cameras/%2e%2e/cameras/garden",
        "/cameras/../cameras/garden",
        "/cameras/garden%2fstream.ts",
        "/cameras/%ff%fe",
        "/events/x",
        "/metrics/",
        "/static",
        "/static/",
        "/static/nothing.js",
        "/static/../service.py",
        "/static/..%2fservice.py",
        "/static/%2e%2e/service.py",
        "/static/..%5cservice.py",
        "/static//app.js",
        "/static/./app.js",
        "/static/app.js/",
        "/static/app.js%00",
        "/static/APP.JS",
        "/static/index.html/..",
        "/index.html",
        "/static/" + "a/" * 200,
        "/" + "x" * 5000,
        "http://192.0.2.10:8085/cameras",
        "cameras",
    )

    def test_all(self) -> None:
        """They are not there, and say so."""
        lab = WebLab()
        for path in self.PATHS:
            visitor = lab.visit()
            visitor.begin()
            visitor.say(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = visitor.read(Answer())
            self.assertEqual(404, answer.status, path)
            self.assertTrue(answer.error)

    def test_decoded(self) -> None:
        """A name may be written in many ways, as URLs are."""
        lab = WebLab()
        self.assertEqual(200, lab.get("/cameras/gar%64en").status)
        self.assertEqual(200, lab.get("/static/app%2ejs").status)

    def setUp(self) -> None:
        """All strange paths may be asked of the same server."""
        self.lab = WebLab(connect=False)

    @given(st.binary(max_size=40), st.sampled_from(["", "static/", "cameras/"]))
    def test_anything(self, name: bytes, folder: str) -> None:
        """No path is too strange, and none leads to anything unexpected."""
        path = bytes(b for b in name if b > 32 and b != 127)
        first, *_ = unquote_to_bytes(path).partition(b"?")[0].split(b"/")
        assume(first not in self.KNOWN)
        visitor = self.lab.visit()
        visitor.begin()
        visitor.say(b"GET /%s%s HTTP/1.1\r\nHost: x\r\n\r\n" % (folder.encode(), path))
        self.assertIn(visitor.read(Answer()).status, (404, 400))
        visitor.transport.hangUp()

    KNOWN = (
        b"",
        b"cameras",
        b"events",
        b"metrics",
        b"healthz",
        b"garden",
        b"index.html",
        b"app.js",
    )


class StaticTests(LabCase):
    """The page and its files."""

    def test_page(self) -> None:
        """C{/} is the page; scripts can be loaded from here only."""
        lab = WebLab()
        answer = lab.get("/")
        self.assertEqual(b"<title>page</title>", answer.body)
        self.assertEqual("text/html; charset=utf-8", answer.headers["content-type"])
        self.assertEqual(POLICY, answer.headers["content-security-policy"])
        self.assertIn("default-src 'self'", POLICY)
        self.assertNotIn("unsafe", POLICY)
        self.assertEqual(answer.body, lab.get("/static/index.html").body)
        self.assertEqual(200, lab.get("/?camera=garden").status)

    def test_file(self) -> None:
        """Files have types."""
        answer = WebLab().get("/static/app.js?v=1")
        self.assertEqual(b"1 + 1", answer.body)
        self.assertEqual(
            "text/javascript; charset=utf-8", answer.headers["content-type"]
        )
        self.assertEqual("no-cache", answer.headers["cache-control"])

    def test_known(self) -> None:
        """What the browser has is not sent again."""
        lab = WebLab()
        for known in ('"2"', 'W/"2"', '"1", "2"', "*", '"1",W/"2"'):
            answer = lab.get("/static/app.js", If_None_Match=known)
            self.assertEqual((304, b""), (answer.status, answer.body))
            self.assertEqual('"2"', answer.headers["etag"])
            self.assertTrue(answer.complete)
        for other in ('"1"', "2", "", '"2', "x"):
            answer = lab.get("/static/app.js", If_None_Match=other)
            self.assertEqual(200, answer.status, other)

    def test_head(self) -> None:
        """C{HEAD} has the same headers and no body."""
        lab = WebLab()
        head = lab.visit().ask("HEAD", "/static/app.js")
        self.assertEqual(lab.get("/static/app.js").headers, head.headers)
        self.assertEqual(b"", head.body)

    def test_noPage(self) -> None:
        """Without files there is no page, and all else works."""
        lab = WebLab(files={})
        self.assertEqual(404, lab.get("/").status)
        self.assertEqual(200, lab.get("/cameras").status)

    def test_load(self) -> None:
        """The package has a page; entity tags change with the content."""
        files = loadFiles()
        self.assertIn("index.html", files)
        for name, file in files.items():
            self.assertNotIn("/", name)
            self.assertRegex(file.etag, r'^"[0-9a-f]{32}"$')
            self.assertTrue(file.content)
        self.assertEqual(len(files), len({file.etag for file in files.values()}))
        self.assertEqual(files, loadFiles())

    def test_servesThePackage(self) -> None:
        """All that the page refers to is there."""
        lab = WebLab(files=loadFiles(), connect=False)
        page = lab.get("/").body.decode()
        for name, file in loadFiles().items():
            answer = lab.get(f"/static/{name}")
            self.assertEqual(file.content, answer.body)
        for quoted in page.split('"'):
            if quoted.startswith("/static/"):
                self.assertEqual(200, lab.get(quoted).status, quoted)

    def test_noFolder(self) -> None:
        """A package without files is no trouble."""
        with patch.object(static, "files") as files:
            files.return_value.joinpath.return_value.is_dir.return_value = False
            self.assertEqual({}, loadFiles())

    def test_oddFile(self) -> None:
        """Only what was loaded is there, whatever it is called."""
        odd = StaticFile(b"x", "text/plain", '"3"')
        lab = WebLab(files={"a b.txt": odd}, connect=False)
        self.assertEqual(b"x", lab.get("/static/a%20b.txt").body)


class RequestTests(LabCase):
    """Requests as such."""

    def test_keepAlive(self) -> None:
        """One connection does for many requests, also if they come at once."""
        lab = WebLab()
        visitor = lab.visit()
        for _ in range(3):
            self.assertEqual(200, visitor.ask("GET", "/cameras").status)
        visitor.begin()
        visitor.say(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        self.assertEqual(3, visitor.transport.taken.count(b"\r\n\r\nok\n"))

    def test_oldVersion(self) -> None:
        """HTTP/1.0 has its answers, and then the connection is closed."""
        lab = WebLab()
        visitor = lab.visit()
        answer = visitor.ask("GET", "/cameras", version="1.0")
        self.assertEqual(200, answer.status)
        self.assertTrue(visitor.closed)

    def test_close(self) -> None:
        """Whoever wants the connection to be closed has it closed."""
        visitor = WebLab().visit()
        answer = visitor.ask("GET", "/cameras", {"Connection": "close"})
        self.assertEqual("close", answer.headers["connection"])
        self.assertTrue(visitor.closed)

    def test_idle(self) -> None:
        """Connections that are not used are closed, without a word in the log."""
        lab = WebLab()
        visitors = [lab.visit() for _ in range(3)]
        visitors[0].ask("GET", "/healthz")
        visitors[1].say(b"GET /healthz HTT")
        with capturedLogs() as events:
            lab.network.advance(61)
        self.assertEqual([True] * 3, [visitor.closed for visitor in visitors])
        self.assertEqual([], [e for e in events if "client" in e["log_format"]])

    def test_manyConnections(self) -> None:
        """There are not more than so many connections."""
        lab = WebLab(connect=False)
        visitors = [
            lab.visit(f"10.0.{number >> 8}.{number & 255}")
            for number in range(MAX_CONNECTIONS)
        ]
        self.assertFalse(any(visitor.refused for visitor in visitors))
        self.assertTrue(lab.visit().refused)
        visitors[0].transport.hangUp()
        self.assertFalse(lab.visit().refused)

    def test_nonsense(self) -> None:
        """What is no HTTP is refused."""
        lab = WebLab()
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"hello\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 600 + b"\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            visitor = lab.visit()
            visitor.say(data)
            self.assertTrue(visitor.closed, data)

    def test_floodOfBody(self) -> None:
        """Whoever sends without end is cut off, and nothing goes to the disk."""
        lab = WebLab(connect=False)
        with patch("tempfile.TemporaryFile") as file:
            for length in (10**9, None):
                visitor = lab.visit()
                how = (
                    "Transfer-Encoding: chunked"
                    if length is None
                    else f"Content-Length: {length}"
                )
                visitor.say(
                    f"POST /cameras/garden/ptz HTTP/1.1\r\nHost: x\r\n{how}\r\n\r\n".encode()
                )
                sent = 0
                while not visitor.closed:
                    data = b"x" * 1000
                    visitor.say(data if length else b"3e8\r\n" + data + b"\r\n")
                    sent += 1000
                    self.assertLess(sent, MAX_READ + 10_000)
        self.assertEqual(0, file.call_count)
