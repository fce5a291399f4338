"""Serves the page, and tells each that looks at it what is new: a bounded number, and no slow ones."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.documents import parse_json
from gas_fusion_ros.model.thermal import ThermalError
from gas_fusion_ros.site.verdicts import Said
from gas_fusion_ros.watch.access import Access, AccessError
from gas_fusion_ros.watch.fleet import Fleet, FleetCursor
from gas_fusion_ros.watch.operator import Operator
from gas_fusion_ros.watch.pages import FLEET_PAGE, ROBOT_PAGE, content_security_policy
from gas_fusion_ros.watch.watched import Cursor, Watched

MOST_WATCHERS = 16
"""Pages that are told what is new at a time."""
MOST_CONNECTIONS = 64
PUSH_PERIOD_S = 0.25
"""Time between two events of a page: its server's heartbeat."""
PATIENCE_S = 5.0
"""A page that takes longer to take in an event is dropped."""

_SEND_BUFFER = 1 << 17
_MOST_BODY, _MOST_HEADER = 1 << 10, 1 << 14
_IDLE_S = 30.0
_WRONG_TOKEN_S = 0.5
_CLOSING_S = 5.0

News = Callable[[], dict[str, Any]]
"""Returns what one page is told now; made anew for each page."""


class PageServer(Closing):
    """Serves a page from a thread of its own until it is closed.

    Args:
        page: the page.
        access: where, and to whom.
        news: makes what tells one page what is new.
        further: what else is served: pattern of the path, handler and its arguments.

    Raises:
        AccessError: the address cannot be listened at.
    """

    def __init__(
        self,
        page: bytes,
        access: Access,
        news: Callable[[], News],
        further: Sequence[tuple[str, type[RequestHandler], dict[str, Any]]] = (),
    ) -> None:
        self._access = access
        self._sockets = _bind(access)
        self._port = self._sockets[0].getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._is_ready = threading.Event()
        self._application = Application(
            [
                (r"/", _Page, {"page": page}),
                (r"/events", _Events, {"news": news, "room": _Room(MOST_WATCHERS)}),
                *further,
            ],
            default_handler_class=_Nothing,
            log_function=lambda _: None,
            access=access,
            policy=content_security_policy(page),
        )
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="watch server", daemon=True
        )
        self._thread.start()
        self._is_ready.wait()

    @property
    def address(self) -> str:
        """Where the page is, without its token."""
        host = f"[{self._access.host}]" if ":" in self._access.host else self._access.host
        return f"http://{host}:{self._port}/"

    @property
    def address_with_token(self) -> str:
        """The same for an operator: behind the # a browser keeps it to itself."""
        return f"{self.address}#token={self._access.token}" if self._access.may_write else self.address

    def close(self) -> None:
        """Stop; every page that is open sees that."""
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(_CLOSING_S)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = _Server(
            self._application,
            max_body_size=_MOST_BODY,
            max_buffer_size=_MOST_HEADER,
            max_header_size=_MOST_HEADER,
            idle_connection_timeout=_IDLE_S,
            body_timeout=PATIENCE_S,
        )
        server.add_sockets(self._sockets)
        self._is_ready.set()
        await self._ending.wait()
        server.stop()
        await server.close_all_connections()


class WatchServer(PageServer):
    """Serves the page of a robot.

    Args:
        watched: what is shown.
        access: where, and to whom.
        operator: who passes on what is done at the page.

    Raises:
        AccessError: the address cannot be listened at.
    """

    def __init__(self, watched: Watched, access: Access, operator: Operator) -> None:
        command = {"watched": watched, "operator": operator}
        super().__init__(
            ROBOT_PAGE,
            access,
            lambda: partial(watched.news, Cursor()),
            (
                (r"/thermal\.png", _Thermal, {"watched": watched}),
                (r"/alarms/(\d{1,9})/(acknowledge|shelve)", _Command, command),
                (r"/alarms/(\d{1,9})/(\d{1,16})/verdict", _Verdict, {"watched": watched}),
            ),
        )


class FleetServer(PageServer):
    """Serves the page of a fleet, which is for reading alone.

    Args:
        fleet: what is shown.
        access: where, and to whom.

    Raises:
        AccessError: the address cannot be listened at.
    """

    def __init__(self, fleet: Fleet, access: Access) -> None:
        super().__init__(FLEET_PAGE, access, lambda: partial(fleet.news, FleetCursor()))


def _bind(access: Access) -> list[socket.socket]:
    try:
        # One address alone: with port 0 each of several would get another port.
        return bind_sockets(access.port, access.host, family=_family(access.host))[:1]
    except OSError as error:
        raise AccessError(
            f"--host {access.host} --port {access.port} cannot be listened at ({error.strerror or error}); "
            "choose another --port, or 0 for any that is free"
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Server(HTTPServer):
    """Refuses connections beyond a number, and keeps the system from buffering much for slow ones."""

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self._open = 0

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if self._open >= MOST_CONNECTIONS:
            stream.close()
            return
        self._open += 1
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self._open -= 1
        super().on_close(server_conn)


class _Room:
    """Counts who is in."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0

    def enter(self) -> bool:
        if self._inside >= self._most:
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        self._inside -= 1


class _Handler(RequestHandler):
    """What every answer has, and who gets one."""

    needs_token = True

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Security-Policy", self.settings["policy"])
        self.set_header("Cache-Control", "no-store")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-Frame-Options", "DENY")

    async def prepare(self) -> None:
        if not self.access.is_addressed(self.request.host):
            self.refuse(421, "this is no name of this server")
        elif self.needs_token and not self.access.may_read(self.authorization):
            await self.refuse_token()

    @property
    def access(self) -> Access:
        access: Access = self.settings["access"]
        return access

    @property
    def authorization(self) -> str:
        return self.request.headers.get("Authorization", "")

    def refuse(self, status: int, why: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(why)

    async def refuse_token(self) -> None:
        await asyncio.sleep(_WRONG_TOKEN_S)
        self.set_header("WWW-Authenticate", "Bearer")
        self.refuse(401, "the token is missing or wrong; open the address that `gas-fusion watch` printed")

    async def lets_write(self) -> bool:
        """Whether whoever asks may write; else that was refused."""
        if not self.access.may_write:
            self.refuse(403, "this page is for reading; start `gas-fusion watch` with --token to write")
        elif not self.access.knows(self.authorization):
            await self.refuse_token()
        else:
            return True
        return False

    def write_error(self, status_code: int, **_: Any) -> None:
        self.refuse(status_code, self._reason)


class _Nothing(_Handler):
    needs_token = False

    async def prepare(self) -> None:
        await super().prepare()
        if not self._finished:
            self.refuse(404, "there is nothing here")


class _Page(_Handler):
    needs_token = False

    def initialize(self, page: bytes) -> None:
        self._page = page

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self._page)


class _Events(_Handler):
    """Server-sent events until the page is gone or too slow."""

    def initialize(self, news: Callable[[], News], room: _Room) -> None:
        self._news = news
        self._room = room

    async def get(self) -> None:
        if not self._room.enter():
            self.set_header("Retry-After", "5")
            self.refuse(503, f"{MOST_WATCHERS} pages are open already; close one")
            return
        try:
            await self._tell()
        except (StreamClosedError, asyncio.TimeoutError):
            self.detach().close()  # else it would try to finish what nobody takes
        finally:
            self._room.leave()

    async def _tell(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        tell = self._news()
        may_write = self.access.knows(self.authorization)
        while True:
            news = {**tell(), "may_write": may_write}
            self.write(f"data: {json.dumps(news, separators=(',', ':'), allow_nan=False)}\n\n")
            await asyncio.wait_for(self.flush(), PATIENCE_S)
            await asyncio.sleep(PUSH_PERIOD_S)


class _Thermal(_Handler):
    def initialize(self, watched: Watched) -> None:
        self._watched = watched

    def get(self) -> None:
        try:
            picture = self._watched.thermal()
        except ThermalError as error:
            self.refuse(422, str(error))
            return
        if picture is None:
            self.refuse(404, "no thermal image has come yet")
            return
        self.set_header("Content-Type", "image/png")
        self.set_header("X-Range", picture.told)
        self.finish(picture.png)


class _Command(_Handler):
    """An operator's word on one alarm that stands."""

    def initialize(self, watched: Watched, operator: Operator) -> None:
        self._watched = watched
        self._operator = operator

    async def post(self, number: str, command: str) -> None:
        if not await self.lets_write():
            return
        if self._watched.is_silent:
            self.refuse(409, "the robot is silent: it would not hear")
        elif int(number) not in self._watched.standing_numbers:
            self.refuse(404, f"alarm {int(number)} does not stand")
        else:
            self._pass_on(int(number), command)

    def _pass_on(self, number: int, command: str) -> None:
        tell = self._operator.acknowledge if command == "acknowledge" else self._operator.shelve
        if refusal := tell(number):
            self.refuse(503, refusal)
            return
        self.set_status(202)
        self.finish()


class _Verdict(_Handler):
    """What an operator found out about an alarm, also one that is over."""

    def initialize(self, watched: Watched) -> None:
        self._watched = watched

    async def post(self, number: str, since_ms: str) -> None:
        if not await self.lets_write():
            return
        try:
            content = parse_json(self.request.body)
            said, name = Said(content["said"]), str(content["by"])
        except (ValueError, TypeError, KeyError):
            one_of = ", ".join(said.value for said in Said)
            self.refuse(400, f"a verdict is JSON with `said`, one of {one_of}, and `by`, who says it")
            return
        try:
            # A file may have to be waited for: meanwhile the pages are told what is new.
            refusal = await asyncio.to_thread(self._watched.judge, int(number), int(since_ms), said, name)
        except LookupError as error:
            self.refuse(404, str(error))
            return
        if refusal:
            self.refuse(422, refusal)
            return
        self.set_status(202)
        self.finish()
