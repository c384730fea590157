"""Many at the same time: how long each waits, what the server holds, and what goes wrong.

Starts the app and lets visitors speak to it as their browsers would, by Streamlit's own messages,
without a browser: thirty of those would leave nothing of two cores. Each scene takes about a
minute and starts an app of its own::

    python benchmarks/load.py                                  # all scenes, 30 visitors
    python benchmarks/load.py class pages --visitors 100
    python benchmarks/load.py soak --seconds 600 --small
    python benchmarks/load.py soak --seconds 600 --visitors 100 --memory 1024

class     all open the Lab's link, move T to the same value, each to another, and each chooses a
          teacher and a T
pages     everybody opens one page after the other as it comes, each beginning somewhere else
soak      everybody goes from page to page and sets what it offers; some close their tab
storm     all ask for a hundred runs of the Lab at once, and one more visitor for one
clear     28,000 messages that clear Streamlit's caches, and the Lab in between
newcomer  a stranger's Lab while two visitors train the largest runs that there are

What is timed is from asking to having everything that the page shows, the measured figures
included. ``--small`` is one core and 690 MB. The memory is a limit where ``--cgroup`` names a
control group (version 2) that was made with one; else the app is told of it and watched.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.remove(str(Path(__file__).resolve().parent))  # where a pages.py lies, too
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.teacher_size import TeacherSizeSettings
from kdcore.settings import Steps
from pages.common import course

ROOT = Path(__file__).resolve().parents[1]

LAB = "v=1&temperature={T:g}&alpha={alpha:g}&teacher_hidden={teacher}&student_hidden=32&labels=50"
#: What the Lab offers.
TEACHERS = (8, 16, 32, 64, 128, 256, 512)

PATIENCE_SECONDS = 120
#: One who chooses this and that does not wait for each longer than that.
BROWSING_SECONDS = 15


@dataclass
class Tally:
    """What happened to all visitors of one scene."""

    waits: list[float] = field(default_factory=list)
    given_up: int = 0
    #: What the app would not do, and said so: a note that an error is drawn as.
    refused: int = 0
    #: Exceptions on a page, connections that were lost.
    errors: list[str] = field(default_factory=list)


class Visitor:
    """One open tab."""

    def __init__(self, socket: websockets.ClientConnection, tally: Tally) -> None:
        self._socket, self.tally = socket, tally
        #: The page that is open, as Streamlit calls it.
        self._open = ""
        #: Parts of the page that are asked for again and again.
        self._polling: list[asyncio.Task[None]] = []

    @classmethod
    async def arrive(cls, port: int, tally: Tally) -> Visitor:
        """Open a connection; nothing is asked for yet."""
        socket = await websockets.connect(
            f"ws://127.0.0.1:{port}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
            open_timeout=PATIENCE_SECONDS,
            ping_timeout=None,
        )
        return cls(socket, tally)

    async def ask(
        self, page: str, query: str = "", patience: float = PATIENCE_SECONDS, counts: bool = True
    ) -> None:
        """Ask for a page at an address, and wait until nothing of it is under way any more."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(patience):
                await self._run_again(page, query)
                await self._until_all_is_there(page, query)
        except TimeoutError:
            self.tally.given_up += 1
        except websockets.ConnectionClosed as trouble:
            self.tally.errors.append(f"{page}: connection lost: {trouble}")
            return
        if counts:
            self.tally.waits.append(time.perf_counter() - started)

    async def _until_all_is_there(self, page: str, query: str) -> None:
        told_to_poll = []
        while True:
            message = ForwardMsg.FromString(await self._socket.recv())  # type: ignore[arg-type]
            kind = message.WhichOneof("type")
            if kind == "delta":
                self._look_at(page, message)
            elif kind == "navigation":
                self._open = message.navigation.page_script_hash
            elif kind == "page_not_found":
                self.tally.errors.append(f"{page}: there is no such page")
            elif kind == "auto_rerun":
                told_to_poll.append(message.auto_rerun)
            elif (
                kind == "script_finished"
                and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            ):
                # The whole page ran: what it was told to poll before is gone.
                self._stop_polling()
                if not told_to_poll:
                    return
                for rerun in told_to_poll:
                    self._poll(page, query, rerun.interval, rerun.fragment_id)
                told_to_poll = []

    def _look_at(self, page: str, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.tally.errors.append(f"{page}: {element.exception.type}")
        elif kind == "alert" and element.alert.format == Alert.ERROR:
            self.tally.refused += 1

    async def leave(self) -> None:
        """Close the tab."""
        self._stop_polling()
        await self._socket.close()

    async def clear_caches(self, times: int) -> None:
        """Send what a learner has no button for, but may send."""
        message = BackMsg(clear_cache=True).SerializeToString()
        for _ in range(times):
            await self._socket.send(message)

    async def ask_at_once(self, page: str, queries: list[str]) -> None:
        """Ask for one address after the other without waiting for any but the last."""
        for query in queries[:-1]:
            await self._run_again(page, query)
        await self.ask(page, queries[-1])

    async def _run_again(self, page: str, query: str, fragment: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        if fragment:
            # Without it the page that is run after the last look would be the first one.
            message.rerun_script.page_script_hash = self._open
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
        await self._socket.send(message.SerializeToString())

    def _poll(self, page: str, query: str, interval: float, fragment: str) -> None:
        """Ask for a part of the page again and again, as a browser does when it is told to."""

        async def again() -> None:
            with suppress(websockets.ConnectionClosed):
                while True:
                    await asyncio.sleep(interval)
                    await self._run_again(page, query, fragment)

        self._polling.append(asyncio.create_task(again()))

    def _stop_polling(self) -> None:
        for task in self._polling:
            task.cancel()
        self._polling.clear()


# ------------------------------------------------------------------------------------- the app


@dataclass(frozen=True)
class Host:
    """The machine that the app is started on."""

    #: MB that it may hold; None for all there is.
    memory: int | None = None
    one_core: bool = False
    cgroup: Path | None = None

    def command(self) -> list[str]:
        """Return what comes before the command that starts the app."""
        taskset = shutil.which("taskset")
        if not self.one_core:
            return []
        if taskset is None:
            raise SystemExit("--one-core needs taskset")
        return [taskset, "--cpu-list", str(min(os.sched_getaffinity(0)))]

    def environment(self) -> dict[str, str]:
        """Return the environment of the app."""
        told = {} if self.memory is None else {"KDCORE_MEMORY_MB": str(self.memory)}
        return os.environ | told


@contextmanager
def running_app(host: Host) -> Iterator[tuple[int, int]]:
    """Start the app as a host does; give its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    process = subprocess.Popen(
        [*host.command(), *command, f"--server.port={port}", "--server.address=127.0.0.1"],
        cwd=ROOT,
        env=host.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if host.cgroup is not None:
            (host.cgroup / "cgroup.procs").write_text(str(process.pid))
        while process.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def looked_up(pid: int, name: str) -> int:
    """Return a number of the kernel's status of a process: MB, or a count; 0 if it is gone."""
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        if found := re.search(rf"{name}:\s+(\d+)( kB)?", status):
            return int(found[1]) // (1024 if found[2] else 1)
    return 0


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, or that these have."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def held(pid: int) -> int:
    """Return the MB that a process and its children hold, what they share counted once."""
    kilobytes = 0
    for each in family(pid):
        with suppress(OSError):
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
            kilobytes += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
    return kilobytes // 1024


class Watch:
    """Looks at the app's memory and threads while a scene goes on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.memory: list[int] = []
        self.threads = 0

    async def look(self) -> None:
        """Look twice a second until cancelled."""
        while True:
            self.memory.append(held(self._pid))
            self.threads = max(self.threads, looked_up(self._pid, "Threads"))
            await asyncio.sleep(0.5)

    def most(self) -> int:
        """Return the MB held at most; 0 if the app has died."""
        return max(self.memory) if looked_up(self._pid, "VmHWM") else 0

    def quarters(self) -> list[int]:
        """Return the MB held at most in each quarter of the time: does it level off?"""
        parts = np.array_split(self.memory, min(4, len(self.memory)))
        return [int(part.max()) for part in parts]


# --------------------------------------------------------------------------------------- scenes


@dataclass(frozen=True)
class Scene:
    """What a scene needs to know."""

    port: int
    visitors: int
    seconds: float
    seed: int

    @asynccontextmanager
    async def audience(
        self, tally: Tally, count: int | None = None
    ) -> AsyncIterator[list[Visitor]]:
        """Let visitors in, and out."""
        present = [await Visitor.arrive(self.port, tally) for _ in range(count or self.visitors)]
        try:
            yield present
        finally:
            for visitor in present:
                await visitor.leave()


def lab(T: float, alpha: float = 0.3, teacher: int = 256) -> str:
    """Return an address of the Lab."""
    return LAB.format(T=T, alpha=alpha, teacher=teacher)


async def a_class(scene: Scene) -> dict[str, Tally]:
    """Let a class into the Lab."""
    cold, link, same, own, teachers = (Tally() for _ in range(5))
    first = await Visitor.arrive(scene.port, cold)
    await first.ask("lab", lab(4))
    async with scene.audience(link) as present:
        await _together(visitor.ask("lab", lab(4)) for visitor in present)
        for visitor in present:
            visitor.tally = same
        await _together(visitor.ask("lab", lab(5)) for visitor in present)
        for visitor in present:
            visitor.tally = own
        # Nobody has asked for these.
        await _together(
            visitor.ask("lab", lab(0.5 + n % 40 / 2, 0.35 + 0.05 * (n // 40)))
            for n, visitor in enumerate(present)
        )
        for visitor in present:
            visitor.tally = teachers
        await _together(
            visitor.ask("lab", lab(0.6 + n % 40 / 2, 0.3, TEACHERS[n % len(TEACHERS)]))
            for n, visitor in enumerate(present)
        )
    await first.leave()
    return {
        "the first visitor of a cold server": cold,
        "all open the same link": link,
        "all move T to the same value": same,
        "all move T, each to another value": own,
        "each chooses a teacher and another T": teachers,
    }


async def every_page(scene: Scene) -> dict[str, Tally]:
    """Let each walk through the pages, as far as time allows, beginning somewhere else."""
    tally, names = Tally(), [entry.name for entry in course.pages()]
    until = time.monotonic() + scene.seconds

    async def walk(visitor: Visitor, begin: int) -> None:
        for name in names[begin:] + names[:begin]:
            if time.monotonic() < until:
                await visitor.ask(name, "v=1&prediction=skipped", until + 30 - time.monotonic())

    async with scene.audience(tally) as present:
        await _together(
            walk(visitor, n * len(names) // len(present)) for n, visitor in enumerate(present)
        )
    return {"a page as it comes": tally}


async def soak(scene: Scene) -> dict[str, Tally]:
    """Let all go about as they like; every sixth has a taste for the largest runs."""
    tally, until = Tally(), time.monotonic() + scene.seconds

    async def live(number: int) -> None:
        draw = random.Random(f"{scene.seed} {number}")
        await asyncio.sleep(draw.uniform(0, min(5, scene.seconds / 4)))
        visitor = await Visitor.arrive(scene.port, tally)
        while time.monotonic() < until:
            page, query = large(draw) if number % 6 == 0 else anything(draw)
            left = max(1.0, until - time.monotonic())
            await visitor.ask(page, query, min(left, BROWSING_SECONDS * draw.uniform(0.2, 2)))
            await asyncio.sleep(draw.uniform(0.5, 4))
            if draw.random() < 0.1:
                await visitor.leave()
                visitor = await Visitor.arrive(scene.port, tally)
        await visitor.leave()

    await _together(live(number) for number in range(scene.visitors))
    after = Tally()
    async with scene.audience(after, 1) as (late,):
        await late.ask("lab", lab(6, 0.45))
    return {"this and that": tally, "one who comes when they have left": after}


async def storm(scene: Scene) -> dict[str, Tally]:
    """Let all ask a hundred times at once."""
    stormy, calm = Tally(), Tally()
    async with scene.audience(stormy) as present, scene.audience(calm, 1) as (other,):
        await other.ask("lab", lab(4), counts=False)
        queries = [lab(0.5 + n % 40 / 2) for n in range(100)]
        bursts = [visitor.ask_at_once("lab", queries) for visitor in present]
        await _together([*bursts, other.ask("lab", lab(7, 0.6))])
    return {"the last of a hundred at once": stormy, "one beside them": calm}


async def clear(scene: Scene) -> dict[str, Tally]:
    """Clear Streamlit's caches again and again."""
    tally = Tally()
    async with scene.audience(tally, 2) as (sender, other):
        await other.ask("lab", lab(4), counts=False)
        for times in (28, 2_972, 25_000):
            await sender.clear_caches(times)
            await other.ask("lab", lab(8 + times % 7, 0.55))
    return {"the Lab between 28,000 messages": tally}


async def newcomer(scene: Scene) -> dict[str, Tally]:
    """Let two train the largest runs, and a stranger come."""
    busy, alone, beside = Tally(), Tally(), Tally()
    async with scene.audience(busy, 2) as hard_working, scene.audience(alone, 1) as (stranger,):
        await stranger.ask("lab", lab(4), counts=False)
        for n in range(5):
            await stranger.ask("lab", lab(5 + n))
        stranger.tally = beside
        training = [
            asyncio.create_task(visitor.ask("teacher_size", largest(50 + 50 * n)))
            for n, visitor in enumerate(hard_working)
        ]
        await asyncio.sleep(3)
        until = time.monotonic() + min(40, scene.seconds)
        n = 0
        while time.monotonic() < until and not all(task.done() for task in training):
            await stranger.ask("lab", lab(0.5 + n % 40 / 2, 0.7))
            await asyncio.sleep(0.5)
            n += 1
        for task in training:
            task.cancel()
        await asyncio.gather(*training, return_exceptions=True)
    return {
        "two of the largest runs": busy,
        "a stranger's Lab, alone": alone,
        "a stranger's Lab beside them": beside,
    }


def largest(labels: int) -> str:
    """Return the address of a run of *Teacher size* as large as the page offers."""
    return f"v=1&prediction=skipped&seeds=40&labels={labels}"


def large(draw: random.Random) -> tuple[str, str]:
    """Choose what takes long."""
    parameters = TeacherSizeSettings.parameters()
    labels = draw.choice(parameters["labels"].offered)
    return "teacher_size", largest(labels).replace("seeds=40", f"seeds={draw.choice((20, 40))}")


def anything(draw: random.Random) -> tuple[str, str]:
    """Choose a page, and of what it offers this and that."""
    page = draw.choice(course.pages()).name
    chosen = {"v": "1", "prediction": "skipped"}
    here = [experiment for experiment in EXPERIMENTS.values() if experiment.page == page]
    if here:
        parameters = draw.choice(here).settings.parameters()
        offered = [p for p in parameters.values() if p.offered and not hasattr(p, "of")]
        for parameter in draw.sample(offered, min(3, len(offered))):
            scale = parameter.offered
            if isinstance(scale, Steps):
                steps = round((scale.maximum - scale.minimum) / scale.step)
                value = round(scale.minimum + draw.randint(0, steps) * scale.step, 6)
            else:
                value = draw.choice(scale)
            chosen[parameter.name] = parameter.format(value)
    return page, "&".join(f"{name}={value}" for name, value in chosen.items())


async def _together(doings: Iterable[Awaitable[None]]) -> None:
    """Do all at the same time; what one of them meets ends none of the others."""
    for outcome in await asyncio.gather(*doings, return_exceptions=True):
        if isinstance(outcome, Exception):
            print(f"    {type(outcome).__name__}: {outcome}")


SCENES: dict[str, Callable[[Scene], Awaitable[dict[str, Tally]]]] = {
    "class": a_class,
    "pages": every_page,
    "soak": soak,
    "storm": storm,
    "clear": clear,
    "newcomer": newcomer,
}


# -------------------------------------------------------------------------------------- the table


async def play(name: str, scene: Scene, pid: int, limit: int | None) -> bool:
    """Play one scene and print what came of it; return whether nothing went wrong."""
    watch = Watch(pid)
    looking = asyncio.create_task(watch.look())
    began = time.perf_counter()
    tallies = await SCENES[name](scene)
    looking.cancel()
    good = True
    for what, tally in tallies.items():
        waits = tally.waits or [float("nan")]
        middle, most = np.percentile(waits, [50, 95])
        print(
            f"{name:9}{what:42}{len(tally.waits):6}{middle:8.2f}{most:8.2f}{max(waits):8.2f}"
            f"{tally.given_up:9}{tally.refused:9}{len(tally.errors):8}"
        )
        for error in sorted(set(tally.errors))[:5]:
            print(f"{'':9}  {tally.errors.count(error)} × {error}")
        good = good and not tally.errors
    peak = watch.most()
    died = "" if peak else ", and the app has died"
    over = f", over the {limit} MB that there are" if limit and peak > limit else ""
    quarters = " → ".join(map(str, watch.quarters()))
    print(
        f"{'':9}{time.perf_counter() - began:.0f} s; {peak} MB at most{over}{died} (quarters: "
        f"{quarters}); {watch.threads} threads at most",
        flush=True,
    )
    return good and not died and not over


def main() -> None:
    """Play scenes; exit with 1 if anything went wrong in one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenes", nargs="*", metavar="scene", help=", ".join(SCENES))
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60, help="how long pages and soak go on")
    parser.add_argument("--seed", type=int, default=0, help="of what the visitors choose")
    parser.add_argument("--memory", type=int, metavar="MB", help="what the app may hold")
    parser.add_argument("--one-core", action="store_true")
    parser.add_argument("--small", action="store_true", help="--one-core --memory 690")
    parser.add_argument("--cgroup", type=Path, help="a group with a limit, to put the app in")
    options = parser.parse_args()
    if unknown := set(options.scenes) - set(SCENES):
        parser.error(f"no such scene: {', '.join(unknown)}; there are {', '.join(SCENES)}")
    memory = options.memory or (690 if options.small else None)
    host = Host(memory, options.one_core or options.small, options.cgroup)
    kind = f"{'one core' if host.one_core else 'all cores'}, {memory or 'all'} MB"
    print(f"{options.visitors} visitors, {kind}; seconds until everything is there")
    print(
        f"{'scene':9}{'what':42}{'asked':>6}{'p50':>8}{'p95':>8}{'max':>8}"
        f"{'given up':>9}{'refused':>9}{'errors':>8}"
    )
    good = True
    for name in options.scenes or SCENES:
        with running_app(host) as (port, pid):
            scene = Scene(port, options.visitors, options.seconds, options.seed)
            good = asyncio.run(play(name, scene, pid, memory)) and good
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
