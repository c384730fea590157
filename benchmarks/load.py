"""A class at the same moment: how long each visitor waits, and what the server holds in memory.

Starts the app and lets visitors speak to it as their browsers would, by Streamlit's own messages,
without a browser: thirty of those would leave nothing of two cores. What is timed is from asking
to having everything that the page shows, the measured figures included::

    python benchmarks/load.py
    python benchmarks/load.py --visitors 30 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parents[1]

#: The Lab says this beside its figures, and only when they belong to what is set.
MEASURED = b"measured here"

LAB = "v=1&temperature={T:g}&alpha=0.3&teacher_hidden={width}&student_hidden=32&labels=50&digit=755"

PATIENCE_SECONDS = 120


class Visitor:
    """One open tab of the Lab."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        #: Parts of the page that are asked for again and again.
        self._polling: list[asyncio.Task[None]] = []

    @classmethod
    async def arrive(cls, port: int) -> Visitor:
        """Open a connection; nothing is asked for yet."""
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        socket = await websockets.connect(
            address,
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
            open_timeout=PATIENCE_SECONDS,
            ping_timeout=None,
        )
        return cls(socket)

    async def ask(self, query: str) -> float:
        """Ask for the Lab at an address; return the seconds until its figures are there."""
        started = time.perf_counter()
        await self._run_again(query)
        async with asyncio.timeout(PATIENCE_SECONDS):
            measured, told_to_poll = False, []
            while True:
                message = ForwardMsg.FromString(await self._socket.recv())  # type: ignore[arg-type]
                kind = message.WhichOneof("type")
                if kind == "delta":
                    measured = measured or MEASURED in message.SerializeToString()
                elif kind == "auto_rerun":
                    told_to_poll.append(message.auto_rerun)
                elif (
                    kind == "script_finished"
                    and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                ):
                    # The whole page ran: what it was told to poll before is gone.
                    self._stop_polling()
                    if measured:
                        return time.perf_counter() - started
                    for rerun in told_to_poll:
                        self._poll(query, rerun.interval, rerun.fragment_id)
                    told_to_poll = []

    async def leave(self) -> None:
        """Close the tab."""
        self._stop_polling()
        await self._socket.close()

    async def _run_again(self, query: str, fragment: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = query
        if fragment:
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
        await self._socket.send(message.SerializeToString())

    def _poll(self, query: str, interval: float, fragment: str) -> None:
        """Ask for a part of the page again and again, as a browser does when it is told to."""

        async def again() -> None:
            while True:
                await asyncio.sleep(interval)
                await self._run_again(query, fragment)

        self._polling.append(asyncio.create_task(again()))

    def _stop_polling(self) -> None:
        for task in self._polling:
            task.cancel()
        self._polling.clear()


@contextmanager
def running_app() -> Iterator[tuple[int, int]]:
    """Start the app as a host does; give its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    process = subprocess.Popen(
        [*command, f"--server.port={port}", "--server.address=127.0.0.1"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def memory_mb(pid: int) -> str:
    """Return what a process holds now and what it held at most, in MB, as the kernel has it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return "unknown here"
    now, most = (
        int(found[1]) / 1024
        for name in ("VmRSS", "VmHWM")
        if (found := re.search(rf"{name}:\s+(\d+)", status.read_text()))
    )
    return f"{now:.0f} MB now, {most:.0f} MB at most"


async def together(visitors: list[Visitor], queries: list[str]) -> list[float]:
    """Let all ask at the same moment; return how long each waited."""
    return list(await asyncio.gather(*map(Visitor.ask, visitors, queries)))


def report(what: str, waits: list[float]) -> None:
    """Print how long visitors waited."""
    middle, most = np.percentile(waits, [50, 95])
    print(f"{what:58} {middle:6.2f} {most:6.2f} {max(waits):6.2f}", flush=True)


async def measure(port: int, pid: int, count: int, rounds: int) -> None:
    """Run the scenes one after the other."""
    first = await Visitor.arrive(port)
    print(f"{'seconds until the figures are there':58} {'median':>6} {'p95':>6} {'max':>6}")
    report("the first visitor of a cold server", [await first.ask(LAB.format(T=4, width=256))])
    print(f"{'':4}memory: {memory_mb(pid)}")
    report("one visitor, another T", [await first.ask(LAB.format(T=4.5, width=256))])
    visitors = [await Visitor.arrive(port) for _ in range(count)]
    waits = await together(visitors, [LAB.format(T=4, width=256)] * count)
    report(f"{count} open the same link", waits)
    temperatures = iter(np.arange(0.5, 20.5, 0.5).tolist() * rounds)
    same, own = [], []
    for turn in range(rounds):
        query = LAB.format(T=5 + turn, width=256)
        same += await together(visitors, [query] * count)
        # Nobody has asked for these: another α, and each visitor another T.
        queries = [
            LAB.replace("alpha=0.3", f"alpha={0.35 + 0.05 * turn:g}").format(T=T, width=256)
            for _, T in zip(visitors, temperatures, strict=False)
        ]
        own += await together(visitors, queries)
    report(f"{count} move T to the same value", same)
    report(f"{count} move T, each to another value", own)
    print(f"{'':4}memory: {memory_mb(pid)}")
    widths = [(8, 16, 32, 64, 128, 256, 512)[i % 7] for i in range(count)]
    waits = await together(
        visitors, [LAB.format(T=2 + i % 5, width=w) for i, w in enumerate(widths)]
    )
    report(f"{count} choose one of seven teachers, and a T", waits)
    print(f"{'':4}memory: {memory_mb(pid)}")
    for visitor in (first, *visitors):
        await visitor.leave()


def main() -> None:
    """Start the app, let a class in, print how long they waited."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3, help="how often they move a slider")
    options = parser.parse_args()
    with running_app() as (port, pid):
        asyncio.run(measure(port, pid, options.visitors, options.rounds))


if __name__ == "__main__":
    main()
