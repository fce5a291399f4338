"""The server over real HTTP: it tells what is new, lets nobody write unasked, and is bounded."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from heard_robots import CLEAR, LEAK, Clock, SilentOperator, speak, walk
from waiting import wait_until

from gas_fusion_ros.site.verdicts import VerdictBook
from gas_fusion_ros.watch import server as serving
from gas_fusion_ros.watch.access import Access, AccessError
from gas_fusion_ros.watch.judge import Judge
from gas_fusion_ros.watch.pages import FLEET_PAGE, ROBOT_PAGE
from gas_fusion_ros.watch.server import WatchServer
from gas_fusion_ros.watch.watched import SILENT_AFTER_S, Watched

TOKEN = "0123456789abcdef"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE_S = 20.0


class Served:
    """A server at any free port, with what it shows and who is behind it."""

    def __init__(self, access: Access, judge: Judge | None = None) -> None:
        self.clock = Clock()
        self.watched = Watched("a robot", self.clock, judge)
        self.operator = SilentOperator()
        self.server = WatchServer(self.watched, access, self.operator)

    @property
    def port(self) -> int:
        return urlsplit(self.server.address).port or 0

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        with closing(self.connection()) as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers

    @contextmanager
    def events(self, **headers: str) -> Iterator[http.client.HTTPResponse]:
        with closing(self.connection()) as connection:
            connection.request("GET", "/events", headers=headers)
            yield connection.getresponse()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PUSH_PERIOD_S", 0.02)
    monkeypatch.setattr(serving, "_WRONG_TOKEN_S", 0.0)


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served(Access(port=0, token=TOKEN))
    with served.server:
        yield served


@pytest.fixture
def read_only() -> Iterator[Served]:
    served = Served(Access(port=0))
    with served.server:
        yield served


def next_event(answer: http.client.HTTPResponse) -> dict[str, object]:
    line = answer.readline()
    assert answer.readline() == b"\n"
    event: dict[str, object] = json.loads(line.removeprefix(b"data: "))
    return event


def test_the_page_comes_with_a_policy_that_its_own_script_and_style_fit(served: Served) -> None:
    status, page, headers = served.ask("GET", "/")
    assert (status, page) == (200, ROBOT_PAGE)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("content", [ROBOT_PAGE, FLEET_PAGE], ids=["robot", "fleet"])
def test_a_page_names_nothing_elsewhere_and_holds_all_its_files(content: bytes) -> None:
    page = content.decode()
    assert "include" not in page.replace(".includes(", "")
    assert not re.findall(r"https?:|//\w|@import|url\(", page.replace("// ", ""))
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page)


def test_events_tell_what_is_new(served: Served) -> None:
    walk(served.watched)
    with served.events() as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert len(next_event(answer)["trail"]["items"]) == 11  # type: ignore[index]
        speak(served.watched, LEAK)
        wait_until(lambda: next_event(answer)["word"] is not None)
        event = next_event(answer)
        assert event["alarms"][0]["gas"] == "Smoke"  # type: ignore[index]
        assert len(event["trail"]["items"]) == 1  # type: ignore[index]
        assert event["may_write"] is False


def test_a_page_with_the_token_is_told_that_it_may_write(served: Served) -> None:
    with served.events(**SHOWN) as answer:
        assert next_event(answer)["may_write"] is True


def test_the_heart_of_the_server_beats_while_the_robot_is_silent(served: Served) -> None:
    speak(served.watched, CLEAR)
    with served.events() as answer:
        served.clock.now_s += 60.0
        ages = [next_event(answer)["robot"]["age_s"] for _ in range(5)]  # type: ignore[index]
        assert ages[-1] == 60.0


def test_the_thermal_picture_comes_with_its_range(served: Served) -> None:
    assert served.ask("GET", "/thermal.png")[0] == 404
    walk(served.watched)
    status, png, headers = served.ask("GET", "/thermal.png")
    assert (status, png[:4], headers["X-Range"]) == (200, b"\x89PNG", "10.2 to 29.8 degC")


@pytest.mark.parametrize("command", ["acknowledge", "shelve"])
def test_an_operator_writes_with_the_token(served: Served, command: str) -> None:
    speak(served.watched, LEAK)
    assert served.ask("POST", f"/alarms/7/{command}", **SHOWN)[0] == 202
    assert served.operator.told == [(command, 7)]


@pytest.mark.parametrize(
    "shown", [{}, {"Authorization": "Bearer 0123456789abcdeX"}, {"Cookie": f"token={TOKEN}"}]
)
def test_nobody_writes_without(served: Served, shown: dict[str, str]) -> None:
    speak(served.watched, LEAK)
    assert served.ask("POST", "/alarms/7/acknowledge", **shown)[0] == 401
    assert served.operator.told == []


def test_nobody_writes_where_there_is_no_token(read_only: Served) -> None:
    speak(read_only.watched, LEAK)
    status, why, _ = read_only.ask("POST", "/alarms/7/acknowledge", **SHOWN)
    assert (status, read_only.operator.told) == (403, [])
    assert b"--token" in why


def test_nothing_is_passed_on_to_a_robot_that_is_silent(served: Served) -> None:
    speak(served.watched, LEAK)
    served.clock.now_s += SILENT_AFTER_S + 0.1
    assert served.ask("POST", "/alarms/7/acknowledge", **SHOWN)[0] == 409
    assert served.operator.told == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/alarms/8/acknowledge", 404),
        ("POST", "/alarms/7/reset", 404),
        ("POST", "/alarms/-7/acknowledge", 404),
        ("POST", "/alarms/99999999999999999999/acknowledge", 404),
        ("GET", "/alarms/7/acknowledge", 405),
        ("GET", "/../server.py", 404),
        ("DELETE", "/", 405),
    ],
)
def test_what_is_not_there_is_refused(served: Served, method: str, path: str, status: int) -> None:
    speak(served.watched, LEAK)
    found, _, headers = served.ask(method, path, **SHOWN)
    assert found == status
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert served.operator.told == []


VERDICT = "/alarms/7/90000/verdict"
BODY = {"said": "false alarm", "by": "Ada"}


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[Served]:
    served = Served(Access(port=0, token=TOKEN), Judge(tmp_path / "site.db", ""))
    speak(served.watched, LEAK)
    with served.server:
        yield served


def post(served: Served, path: str, body: object, **headers: str) -> tuple[int, bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with closing(served.connection()) as connection:
        connection.request("POST", path, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_an_operator_judges_also_while_the_robot_is_silent(judged: Served, tmp_path: Path) -> None:
    judged.clock.now_s += 60.0
    assert post(judged, VERDICT, BODY, **SHOWN)[0] == 202
    (judgement,) = VerdictBook(tmp_path / "site.db").judgements()
    assert (judgement.said.value, judgement.judged_by) == ("false alarm", "Ada")


@pytest.mark.parametrize(
    ("path", "body", "shown", "status"),
    [
        (VERDICT, BODY, {}, 401),
        (VERDICT, BODY, {"Authorization": "Bearer 0123456789abcdeX"}, 401),
        (VERDICT, {**BODY, "said": "perhaps"}, SHOWN, 400),
        (VERDICT, {"said": "false alarm"}, SHOWN, 400),
        (VERDICT, [], SHOWN, 400),
        (VERDICT, b"{", SHOWN, 400),
        (VERDICT, b"[" * 900, SHOWN, 400),
        (VERDICT, {**BODY, "by": ""}, SHOWN, 422),
        ("/alarms/8/90000/verdict", BODY, SHOWN, 404),
        ("/alarms/7/90001/verdict", BODY, SHOWN, 404),
    ],
)
def test_a_verdict_that_is_none_is_refused(
    judged: Served, tmp_path: Path, path: str, body: object, shown: dict[str, str], status: int
) -> None:
    assert post(judged, path, body, **shown)[0] == status
    assert not (tmp_path / "site.db").exists()


def test_nobody_judges_where_there_is_no_file(served: Served) -> None:
    speak(served.watched, LEAK)
    status, why = post(served, VERDICT, BODY, **SHOWN)
    assert (status, b"--site" in why) == (404, True)


def test_why_it_could_not_be_passed_on_is_said(served: Served) -> None:
    speak(served.watched, LEAK)
    served.operator.refusal = "nobody listens"
    assert served.ask("POST", "/alarms/7/shelve", **SHOWN)[:2] == (503, b"nobody listens")


@pytest.mark.parametrize("path", ["/", "/events", "/thermal.png"])
def test_another_site_that_points_its_name_here_gets_nothing(served: Served, path: str) -> None:
    assert served.ask("GET", path, Host="evil.example")[0] == 421


def test_other_machines_read_with_the_token_only() -> None:
    served = Served(Access("0.0.0.0", 0, TOKEN))
    with served.server:
        assert served.ask("GET", "/")[0] == 200
        assert served.ask("GET", "/events")[0] == 401
        assert served.ask("GET", "/thermal.png")[0] == 401
        with served.events(**SHOWN) as answer:
            assert next_event(answer)["may_write"] is True


def test_more_pages_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_WATCHERS", 2)
    small = Served(Access(port=0))
    with small.server:
        with small.events() as first, small.events() as second:
            next_event(first)
            next_event(second)
            assert small.ask("GET", "/events")[0] == 503
        # The two are gone: there is room again.
        wait_until(lambda: _is_let_in(small))


def _is_let_in(served: Served) -> bool:
    with served.events() as answer:
        return answer.status == 200


def test_more_connections_than_there_is_room_for_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 3)
    served = Served(Access(port=0))
    with served.server:
        idle = [socket.create_connection(("127.0.0.1", served.port), PATIENCE_S) for _ in range(3)]
        wait_until(lambda: not _answers(served))
        for one in idle:
            one.close()
        wait_until(lambda: _answers(served))


def _answers(served: Served) -> bool:
    try:
        return served.ask("GET", "/")[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False


def test_a_page_that_takes_nothing_in_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE_S", 0.2)
    monkeypatch.setattr(serving, "PUSH_PERIOD_S", 0.0)
    monkeypatch.setattr(serving, "MOST_WATCHERS", 1)
    served = Served(Access(port=0))
    with served.server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", served.port))
        slow.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert slow.recv(16) == b"HTTP/1.1 200 OK\r"
        # It keeps its place only while it reads.
        wait_until(lambda: _is_let_in(served))


def test_the_end_of_the_server_ends_every_page() -> None:
    served = Served(Access(port=0))
    with served.events() as answer:
        next_event(answer)
        served.server.close()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()


def test_a_port_that_is_taken_is_refused_with_a_remedy(served: Served) -> None:
    with pytest.raises(AccessError, match=r"--port"):
        Served(Access(port=served.port))
