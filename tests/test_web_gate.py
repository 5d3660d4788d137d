"""
Tests of L{twistedcam.restream.web.gate}: who may come in.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent

from twistedcam.errors import ConfigError
from twistedcam.restream.access import Access, Slowdown
from twistedcam.restream.web import WebConfig
from twistedcam.restream.web.gate import hostName
from twistedcam.restream.web.root import CamerasPage

from .lab import LabCase
from .webkit import Answer, Socket, WebLab


def basic(user: str, password: str) -> str:
    """An C{Authorization} header."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


RIGHT, WRONG = basic("me", "geheim"), basic("me", "falsch")


def guarded(**how: Any) -> WebLab:
    """A laboratory where everybody needs a login."""
    return WebLab(WebConfig(access=Access("me", "geheim", "zeichen")), **how)


class LoginTests(LabCase):
    """With a login configured."""

    def setUp(self) -> None:
        """All strange headers may be sent to the same server."""
        self.strange = guarded(connect=False)
        self.visitors = 0

    def test_none(self) -> None:
        """Without one: no, at once, and browsers are told to ask for it."""
        lab = guarded()
        for path in ("/", "/cameras", "/static/app.js", "/metrics", "/nothing"):
            answer = lab.get(path)
            self.assertEqual(401, answer.status, path)
            self.assertEqual(
                'Basic realm="twistedcam", charset="UTF-8"',
                answer.headers["www-authenticate"],
            )
            self.assertEqual("a login is needed", answer.error)

    def test_people(self) -> None:
        """A browser shows a sentence to whom it asked in vain."""
        for mode in ("", "navigate"):
            answer = guarded().get(
                "/", Accept="text/html,*/*", **{"Sec-Fetch-Mode": mode}
            )
            self.assertEqual(
                (401, b"a login is needed\n"), (answer.status, answer.body)
            )
            self.assertTrue(answer.headers["content-type"].startswith("text/plain"))
            self.assertIn("www-authenticate", answer.headers)

    def test_right(self) -> None:
        """User and password, bearer and query: each is a way in."""
        lab = guarded()
        for answer in (
            lab.get("/cameras", Authorization=RIGHT),
            lab.get("/cameras", Authorization=RIGHT.replace("Basic", "BASIC")),
            lab.get("/cameras", Authorization="Bearer zeichen"),
            lab.get("/cameras?token=zeichen"),
            lab.get("/cameras?other=1&token=%7aeichen"),
            lab.get("/cameras?token=zeichen", Authorization=basic("proxy", "own")),
        ):
            self.assertEqual(200, answer.status)

    def test_wrong(self) -> None:
        """What is wrong is refused, however it is wrong, and not at once."""
        lab = guarded()
        for number, (target, header) in enumerate(
            (
                ("/cameras", WRONG),
                ("/cameras", basic("", "")),
                ("/cameras", basic("geheim", "me")),
                ("/cameras", "Basic"),
                ("/cameras", "Basic ="),
                ("/cameras", "Basic " + b64encode(b"\xff\xfe:\xff").decode()),
                ("/cameras", "Bearer"),
                ("/cameras", "Bearer geheim"),
                ("/cameras", "bearer zeichen2"),
                ("/cameras?token=geheim", WRONG),
            )
        ):
            visitor = lab.visit(f"192.0.2.{number + 100}")
            answer = visitor.ask("GET", target, {"Authorization": header})
            self.assertEqual(0, answer.status, (target, header))
            lab.network.advance(1)
            self.assertEqual(401, visitor.read(answer).status, (target, header))
            self.assertEqual("wrong login", answer.error)
            self.assertIn("www-authenticate", answer.headers)

    def test_wrongInAddress(self) -> None:
        """A wrong token in an address is refused at once, and nobody is blamed."""
        lab = guarded()
        for _ in range(20):
            for query in ("", "geheim", "%ff", "zeichen2"):
                answer = lab.get(f"/cameras?token={query}")
                self.assertEqual((401, "wrong login"), (answer.status, answer.error))
        self.assertEqual(0, lab.web._gate._slowdown.remembered)

    def test_otherSchemes(self) -> None:
        """Another scheme is no login."""
        answer = guarded().get("/cameras", Authorization="Digest username=me")
        self.assertEqual("a login is needed", answer.error)

    def test_slower(self) -> None:
        """The second wrong login waits for longer; a right one never does."""
        lab = guarded()
        waits = []
        for _ in range(4):
            visitor = lab.visit()
            began = lab.network.seconds()
            answer = visitor.ask("GET", "/cameras", {"Authorization": WRONG})
            while not visitor.read(answer).status:
                lab.network.advance(0.125)
            waits.append(lab.network.seconds() - began)
        self.assertEqual([0.5, 1, 2, 4], waits)
        self.assertEqual(200, lab.get("/cameras", Authorization=RIGHT).status)

    def test_flood(self) -> None:
        """Whoever tries in parallel is not heard for a while, others are."""
        lab = guarded()
        answers = []
        for _ in range(20):
            answers.append(lab.get("/cameras", Authorization=WRONG).status)
        self.assertEqual([0] * 7 + [429] * 13, answers)
        refused = lab.get("/cameras", Authorization=RIGHT)
        self.assertEqual(429, refused.status)
        token = lab.get("/cameras", Authorization="Bearer zeichen")
        self.assertEqual(200, token.status)
        self.assertGreater(int(refused.headers["retry-after"]), 0)
        other = lab.visit("192.0.2.51")
        answer = other.ask("GET", "/cameras", {"Authorization": RIGHT})
        self.assertEqual(200, answer.status)

    def test_scripts(self) -> None:
        """Browsers ask people for a password, not for what a script wants."""
        for mode, scheme in (("", "Basic"), ("navigate", "Basic"), ("cors", "Bearer")):
            answer = guarded().get("/cameras", **{"Sec-Fetch-Mode": mode})
            self.assertTrue(answer.headers["www-authenticate"].startswith(scheme))

    def test_impatient(self) -> None:
        """Whoever does not wait for the answer leaves nothing behind."""
        lab = guarded()
        timers = len(lab.network.getDelayedCalls())
        visitor = lab.visit()
        visitor.ask("GET", "/cameras", {"Authorization": WRONG})
        self.assertEqual(timers + 1, len(lab.network.getDelayedCalls()))
        visitor.transport.hangUp()
        lab.network.advance(0)
        self.assertEqual(timers, len(lab.network.getDelayedCalls()))

    def test_sharedSlowdown(self) -> None:
        """Doors may share their memory of wrong logins."""
        lab = guarded()
        slowdown = Slowdown(lab.network)
        for _ in range(20):
            slowdown.wrong("192.0.2.50")
        lab.web._gate._slowdown = slowdown
        self.assertEqual(429, lab.get("/cameras", Authorization=RIGHT).status)

    def test_health(self) -> None:
        """Anybody may ask whether the server runs, and nothing else."""
        lab = guarded()
        answer = lab.get("/healthz")
        self.assertEqual((200, b"ok\n"), (answer.status, answer.body))
        self.assertEqual(401, lab.get("/healthz/").status)
        self.assertEqual(401, lab.get("/healthz/../cameras").status)
        head = lab.visit().ask("HEAD", "/healthz")
        self.assertEqual((200, b""), (head.status, head.body))
        self.assertEqual(405, lab.visit().ask("POST", "/healthz").status)

    def test_localSocket(self) -> None:
        """Whoever comes by a local socket needs the login as well."""
        lab = guarded()
        visitor = lab.visit(None)
        self.assertEqual(401, visitor.ask("GET", "/cameras").status)
        answer = visitor.ask("GET", "/cameras", {"Authorization": WRONG})
        lab.network.advance(1)
        self.assertEqual(401, visitor.read(answer).status)
        answer = visitor.ask("GET", "/cameras", {"Authorization": RIGHT})
        self.assertEqual(200, answer.status)

    def test_anyHost(self) -> None:
        """With a login, the server may be called by any name."""
        lab = guarded()
        answer = lab.get("/cameras", Host="cameras.example", Authorization=RIGHT)
        self.assertEqual(200, answer.status)

    @given(st.binary(max_size=60))
    def test_anyHeader(self, value: bytes) -> None:
        """No header is too strange."""
        lab = self.strange
        value = bytes(byte for byte in value if byte >= 32 and byte != 127)
        self.visitors += 1
        visitor = lab.visit(f"10.0.{self.visitors >> 8}.{self.visitors & 255}")
        visitor.begin()
        visitor.say(
            b"GET /cameras HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
            + value
            + b"\r\n\r\n"
        )
        lab.network.advance(1)
        answer = visitor.read(Answer())
        self.assertEqual(401, answer.status)
        self.assertEqual([], self.flushLoggedErrors())


class CookieTests(LabCase):
    """The cookie that a right login gets."""

    def cookie(self, answer: Answer) -> str:
        """What a browser sends back."""
        [cookie] = answer.cookies
        return cookie.partition(";")[0]

    def test_attributes(self) -> None:
        """Scripts cannot read it, other sites' pages cannot use it."""
        [cookie] = guarded().get("/?token=zeichen").cookies
        name, *attributes = cookie.split("; ")
        self.assertTrue(name.startswith("twistedcam-8085="))
        self.assertEqual({"Path=/", "HttpOnly", "SameSite=lax"}, {*attributes})
        self.assertNotIn("zeichen", cookie)

    def test_secure(self) -> None:
        """Behind a proxy that speaks TLS, it is sent by TLS only."""
        [cookie] = (
            guarded().get("/?token=zeichen", **{"X-Forwarded-Proto": "https"}).cookies
        )
        self.assertIn("Secure", cookie.split("; "))

    def test_works(self) -> None:
        """It opens pages and WebSockets, and is not given again."""
        lab = guarded()
        for login in ({"Authorization": RIGHT}, {"Authorization": "Bearer zeichen"}):
            cookie = self.cookie(lab.get("/", **login))
            answer = lab.get("/cameras", Cookie=f"a=b; {cookie}; c")
            self.assertEqual((200, []), (answer.status, answer.cookies))
            self.assertEqual(
                101, lab.socket("/cameras/garden/mse", Cookie=cookie).status
            )

    def test_despiteOldLogin(self) -> None:
        """With the cookie, whatever else the browser remembers is not looked at."""
        lab = guarded()
        cookie = self.cookie(lab.get("/", Authorization=RIGHT))
        answer = lab.get("/cameras", Cookie=cookie, Authorization=WRONG)
        self.assertEqual(200, answer.status)

    def test_several(self) -> None:
        """Of several cookies of that name one has to be right."""
        lab = guarded()
        right = self.cookie(lab.get("/", Authorization=RIGHT))
        junk = "twistedcam-8085=junk"
        for cookies in (f"{right}; {junk}", f"{junk};{right}", f"{junk}; a; {right};"):
            self.assertEqual(200, lab.get("/cameras", Cookie=cookies).status)
        self.assertEqual(401, lab.get("/cameras", Cookie=f"{junk}; {junk}").status)

    def test_redirect(self) -> None:
        """A browser that opens the page with a token forgets it."""
        lab = guarded()
        html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        for path, location in (
            ("/?token=zeichen", "./"),
            ("/?a=1&token=zeichen&b=%C3%A9%0d&a=2", "./?a=1&a=2&b=%C3%A9%0D"),
        ):
            answer = lab.get(path, **html)
            self.assertEqual(
                (303, location), (answer.status, answer.headers["location"])
            )
            cookie = self.cookie(answer)
            self.assertEqual(200, lab.get("/", Cookie=cookie, **html).status)
            again = lab.get(path, Cookie=cookie, **html)
            self.assertEqual((303, []), (again.status, again.cookies))

    def test_noRedirect(self) -> None:
        """Whatever else is asked for with a token is simply there."""
        lab = guarded()
        for path, headers in (
            ("/?token=zeichen", {}),
            ("/?token=zeichen", {"Accept": "*/*"}),
            ("/?token=zeichen", {"Accept": "text/html", "Sec-Fetch-Mode": "cors"}),
            ("/cameras?token=zeichen", {"Accept": "text/html"}),
            ("/cameras/?token=zeichen", {"Accept": "text/html"}),
        ):
            self.assertNotEqual(303, lab.get(path, **headers).status)
        answer = lab.visit("192.0.2.80").ask(
            "GET", "/?token=geheim", {"Accept": "text/html"}
        )
        self.assertEqual((401, []), (answer.status, answer.cookies))

    def test_random(self) -> None:
        """Each process has its own, and a wrong one is none, at once."""
        old = self.cookie(guarded().get("/", Authorization=RIGHT))
        lab = guarded()
        self.assertNotEqual(old, self.cookie(lab.get("/", Authorization=RIGHT)))
        for wrong in (old, "twistedcam-8085=", "twistedcam-8085", "=", ";;", old[:-1]):
            answer = lab.get("/cameras", Cookie=wrong)
            self.assertEqual((401, []), (answer.status, answer.cookies))
            self.assertEqual("a login is needed", answer.error)

    def test_notForWrong(self) -> None:
        """A wrong login gets none, nor does anybody where none is needed."""
        lab = guarded()
        visitor = lab.visit()
        answer = visitor.ask("GET", "/", {"Authorization": WRONG})
        lab.network.advance(1)
        self.assertEqual([], visitor.read(answer).cookies)
        self.assertEqual([], WebLab().get("/?token=zeichen").cookies)

    def test_notWithoutHeader(self) -> None:
        """It alone is not enough to change anything: see the page's header."""
        lab = guarded()
        cookie = self.cookie(lab.get("/", Authorization=RIGHT))
        answer = lab.post(
            "/cameras/garden/light", {"on": True}, Cookie=cookie, X_Twistedcam="0"
        )
        self.assertEqual(403, answer.status)


class HostTests(LabCase):
    """Without a login configured: DNS rebinding."""

    OURS = (
        "192.0.2.10:8085",
        "192.0.2.10",
        "[fe80::1]:8085",
        "[::1]",
        "[::ffff:192.0.2.10]:8085",
        "localhost",
        "LOCALHOST:8085",
        "nas",
        "nas:8085",
        "nas.local",
        "Nas.Lan:8085",
        "nas.home.arpa",
        "nas.internal.",
        "cameras.example",
        "CAMERAS.example:8085",
        "",
    )
    THEIRS = (
        "evil.example",
        "evil.example:8085",
        "evil.example.",
        "localhost.evil.example",
        "192.0.2.10.evil.example",
        "nas.local.evil.example",
        "xlocal.example",
        "local.example:80",
        "x.cameras.example",
        "evil.notlocal",
        "a.b",
        "192.0.2.10x.y",
    )

    def lab(self) -> WebLab:
        """One that knows a name of its own."""
        return WebLab(WebConfig(hosts=("Cameras.Example.",)), connect=False)

    def test_ours(self) -> None:
        """Addresses and names that no stranger can have are fine."""
        lab = self.lab()
        for host in self.OURS:
            self.assertEqual(200, lab.get("/cameras", Host=host).status, host)

    def test_theirs(self) -> None:
        """All others are refused, whatever is asked for; but for the health."""
        lab = self.lab()
        for host in self.THEIRS:
            for path in ("/", "/cameras", "/nothing", "/cameras/garden/stream.ts"):
                answer = lab.get(path, Host=host)
                self.assertEqual(403, answer.status, (host, path))
                self.assertIn("add it to hosts in [web], or set a", answer.error)
            self.assertEqual(200, lab.get("/healthz", Host=host).status)

    def test_post(self) -> None:
        """Nothing can be changed that way."""
        lab = self.lab()
        answer = lab.post("/cameras/garden/light", {"on": True}, Host="evil.example")
        self.assertEqual(403, answer.status)

    def test_socket(self) -> None:
        """Nor watched."""
        lab = self.lab()
        visitor = lab.visit()
        answer = visitor.ask(
            "GET",
            "/cameras/garden/mse",
            {
                "Host": "evil.example",
                "Origin": "http://evil.example",
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
            },
        )
        self.assertEqual(403, answer.status)

    def test_none(self) -> None:
        """Old programs say no name."""
        lab = self.lab()
        visitor = lab.visit()
        visitor.begin()
        visitor.say(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertEqual(200, visitor.read(Answer()).status)
        visitor = lab.visit()
        visitor.begin()
        visitor.say(b"GET /cameras HTTP/1.0\r\n\r\n")
        self.assertEqual(200, visitor.read(Answer()).status)

    def test_two(self) -> None:
        """Two names are one too many."""
        visitor = self.lab().visit()
        visitor.begin()
        visitor.say(b"GET /cameras HTTP/1.1\r\nHost: x\r\nHost: evil.example\r\n\r\n")
        self.assertEqual(400, visitor.read(Answer()).status)

    def test_names(self) -> None:
        """The port is no part of the name."""
        self.assertEqual("::1", hostName("[::1]:80"))
        self.assertEqual("a.b", hostName(" A.b.:80"))
        self.assertEqual("", hostName("[]"))

    @given(st.text(max_size=60))
    def test_anything(self, host: str) -> None:
        """No name is too strange."""
        hostName(host)


class SiteTests(LabCase):
    """What other sites may show."""

    FOREIGN = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}

    def test_foreign(self) -> None:
        """Without a login, nothing; a link to the page is followed."""
        lab = WebLab()
        answer = lab.get("/cameras", **self.FOREIGN)
        self.assertEqual(403, answer.status)
        for more in (
            {"Sec-Fetch-Mode": "navigate"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ):
            answer = lab.get("/cameras", **{**self.FOREIGN, **more})
            self.assertEqual(200, answer.status)

    def test_login(self) -> None:
        """With a login, whoever has it."""
        answer = guarded().get("/cameras?token=zeichen", **self.FOREIGN)
        self.assertEqual(200, answer.status)

    def test_wrongLogin(self) -> None:
        """Pages of other sites cannot lock out those who visit them."""
        lab = guarded()
        for _ in range(50):
            answer = lab.get("/cameras?token=x", **self.FOREIGN)
            self.assertEqual(401, answer.status)
            visitor = lab.visit()
            visitor.ask("GET", "/cameras", {**self.FOREIGN, "Authorization": WRONG})
            visitor.transport.hangUp()
        self.assertEqual(200, lab.get("/cameras", Authorization=RIGHT).status)

    def test_guessing(self) -> None:
        """Nor does it help to pretend to be one: passwords are slow to guess."""
        lab = guarded()
        codes = [
            lab.get("/cameras", Authorization=WRONG, **self.FOREIGN).status
            for _ in range(20)
        ]
        self.assertEqual([0] * 7 + [429] * 13, codes)
        self.assertEqual(
            429, lab.get("/cameras", Authorization=RIGHT, **self.FOREIGN).status
        )

    def test_open(self) -> None:
        """What is open is open."""
        lab = WebLab(WebConfig(open=True))
        self.assertEqual(200, lab.get("/cameras", **self.FOREIGN).status)


class LogTests(LabCase):
    """What the log is told."""

    def test_once(self) -> None:
        """One line an address and minute, with neither login nor token."""
        lab = guarded()
        with capturedLogs() as events:
            for _ in range(5):
                lab.get("/cameras?token=zeichen2", Authorization=WRONG)
            lab.visit("192.0.2.51").ask("GET", "/", {"Authorization": WRONG})
            lab.network.advance(61)
            lab.get("/cameras", Authorization=WRONG)
        told = [formatEvent(e) for e in events if "wrong login" in e["log_format"]]
        self.assertEqual(
            [
                "wrong login from 192.0.2.50",
                "wrong login from 192.0.2.51",
                "wrong login from 192.0.2.50, 4 more since the last line",
            ],
            told,
        )
        self.assertNoSecret(events)

    def assertNoSecret(self, events: Any) -> None:
        """No event has one in any field."""
        for event in events:
            for secret in ("geheim", "falsch", "zeichen"):
                self.assertNotIn(secret, repr(event))

    def test_bounded(self) -> None:
        """However many addresses there are, not all of them are remembered."""
        lab = guarded(connect=False)
        gate = lab.web._gate
        for number in range(2000):
            gate._tell(f"10.0.{number >> 8}.{number & 255}")
        self.assertLessEqual(len(gate._sparing._told), 1000)

    def test_request(self) -> None:
        """What Twisted would write of a request has no query in it."""
        lab = guarded()
        shown: list[str] = []

        def answer(page: object, request: object) -> None:
            shown.append(repr(request))
            raise RuntimeError("broken")

        self.patch(CamerasPage, "answer", answer)
        lab.get("/cameras?token=zeichen")
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertIn("/cameras", shown[0])
        self.assertNotIn("zeichen", shown[0])

    def test_noQuery(self) -> None:
        """Whatever goes wrong, a token never gets into the log."""
        lab = guarded()

        def fail() -> None:
            raise RuntimeError("broken")

        self.patch(lab.web._tools.observatory, "reports", fail)
        with capturedLogs() as events:
            answer = lab.get("/cameras?token=zeichen")
            lab.get("/cameras/garden/mse?token=zeichen")
            Socket(lab, "/cameras/garden/mse?token=zeichen").transport.hangUp()
        self.assertEqual(500, answer.status)
        self.assertIn("the log knows what", answer.error)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        for event in events:
            shown = formatEvent(event) + str(event.get("log_failure", ""))
            self.assertNotIn("zeichen", shown)


class ExposureTests(LabCase):
    """Servers that anybody could reach."""

    def test_refused(self) -> None:
        """Without a login they do not even begin."""
        with self.assertRaises(ConfigError) as caught:
            WebLab(WebConfig(endpoint="tcp:8085"))
        self.assertIn("tcp:8085", str(caught.exception))

    def test_allowed(self) -> None:
        """With one, or when it was said, they do."""
        for config in (
            WebConfig(endpoint="tcp:8085", open=True),
            WebConfig(endpoint="tcp:8085", access=Access(token="x")),
            WebConfig(),
        ):
            lab = WebLab(config, connect=False)
            self.assertIsNotNone(lab.web.address)
