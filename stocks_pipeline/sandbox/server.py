"""The sandbox on a socket: uvicorn, one process, one loop.

What belongs here: listening, the one line that says so, leaving quietly on SIGTERM and Ctrl-C. What does not: any
answer.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from stocks_pipeline.sandbox.app import create_app
from stocks_pipeline.sandbox.config import SandboxConfig
from stocks_pipeline.sandbox.world import World

_GRACE_S = 1  # for what a closing world does not let go of, such as a client that reads slowly


class _Server(uvicorn.Server):
    """uvicorn that says where it is, and for which a signal is a request to end well rather than a death."""

    def __init__(self, config: uvicorn.Config, url: str, world: World) -> None:
        super().__init__(config)
        self._url = url
        self._world = world

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"sandbox ready at {self._url}\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replaces uvicorn's way, which raises the signal again after a clean end: exit status -15 instead of 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self._world.close()
        self.should_exit = True


def serve(config: SandboxConfig, host: str = "127.0.0.1", port: int = 8900) -> None:
    """Serve until SIGTERM or SIGINT; port 0 takes a free one, which the ready line names.

    Raises:
        OSError: the address cannot be had, for example because the port is taken.
    """
    app = create_app(config)
    listener = listen(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    settings = uvicorn.Config(
        app,
        access_log=False,
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=60,
    )
    with listener:
        _Server(settings, url, app.world).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A bound TCP socket that is not yet accepting."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
