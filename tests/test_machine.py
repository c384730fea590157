"""The process uses what it may use: affinity, the control groups' limits, or what it is told."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

from kdcore.visit import machine

GB = 2**30


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KDCORE_WORKERS", raising=False)
    monkeypatch.delenv("KDCORE_MEMORY_MB", raising=False)
    # A host that shows sixteen processors.
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


class Host:
    """The files by which a Linux system tells what a process may use."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", f"MemTotal: {64 * GB // 1024} kB\nMemFree: 1 kB\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def version_2(host: Host) -> Host:
    host.write("proc/self/cgroup", "0::/machine/app\n")
    return host


@pytest.fixture
def version_1(host: Host) -> Host:
    host.write("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n")
    return host


def test_without_control_groups_the_machine_is_all_there_is(host: Host) -> None:
    assert machine.cores(host.root) == 16
    assert machine.memory_limit(host.root) == 64 * GB


def test_no_more_cores_than_the_affinity_allows(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert machine.cores(host.root) == 2


def test_a_system_without_affinity_has_all_its_cores(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert machine.cores(host.root) == 4


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("100000 100000", 1),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("max 100000", 16),
        ("3200000 100000", 16),
        ("", 16),
        ("nonsense", 16),
        ("100000 0", 16),
    ],
)
def test_a_quota_of_version_2(version_2: Host, quota: str, cores: int) -> None:
    version_2.write("sys/fs/cgroup/machine/app/cpu.max", quota)
    assert machine.cores(version_2.root) == cores


@pytest.mark.parametrize(("quota", "cores"), [("200000", 2), ("50000", 1), ("-1", 16), ("0", 16)])
def test_a_quota_of_version_1(version_1: Host, quota: str, cores: int) -> None:
    version_1.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", quota)
    version_1.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000")
    assert machine.cores(version_1.root) == cores


def test_a_group_of_version_1_may_be_mounted_by_the_name_of_one_controller(
    version_1: Host,
) -> None:
    version_1.write("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "300000")
    version_1.write("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000")
    assert machine.cores(version_1.root) == 3


def test_the_least_of_all_groups_around_the_process_holds(version_2: Host) -> None:
    version_2.write("sys/fs/cgroup/machine/app/cpu.max", "800000 100000")
    version_2.write("sys/fs/cgroup/machine/cpu.max", "200000 100000")
    version_2.write("sys/fs/cgroup/machine/app/memory.max", "max")
    version_2.write("sys/fs/cgroup/machine/memory.max", str(2 * GB))
    assert machine.cores(version_2.root) == 2
    assert machine.memory_limit(version_2.root) == 2 * GB


def test_inside_a_container_the_own_group_is_the_root(version_1: Host) -> None:
    version_1.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000")
    version_1.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    version_1.write("sys/fs/cgroup/memory/memory.limit_in_bytes", str(690 * 2**20))
    assert machine.cores(version_1.root) == 1
    assert machine.memory_limit(version_1.root) == 690 * 2**20


def test_no_limit_of_version_1_is_a_number_larger_than_the_machine(version_1: Host) -> None:
    version_1.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", str(2**63 - 4096))
    assert machine.memory_limit(version_1.root) == 64 * GB


def test_workers_are_bounded_by_memory(version_2: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "resident_bytes", lambda: 400 * 2**20)
    version_2.write("sys/fs/cgroup/memory.max", str(690 * 2**20))
    assert machine.workers(version_2.root) == 3
    version_2.write("sys/fs/cgroup/memory.max", str(450 * 2**20))
    assert machine.workers(version_2.root) == 1


def test_the_environment_decides(version_2: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    version_2.write("sys/fs/cgroup/cpu.max", "100000 100000")
    monkeypatch.setenv("KDCORE_WORKERS", "3")
    monkeypatch.setenv("KDCORE_MEMORY_MB", "500")
    assert machine.workers(version_2.root) == 3
    assert machine.memory_limit(version_2.root) == 500 * 2**20


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_mistake_in_the_environment_is_said(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("KDCORE_WORKERS", text)
    with pytest.raises(ValueError, match=r"^KDCORE_WORKERS must be a whole number from 1, not"):
        machine.workers()


def test_what_the_process_holds_is_read_from_the_kernel(host: Host) -> None:
    host.write("proc/self/statm", "5000 1000 300 1 0 700 0\n")
    assert machine.resident_bytes(host.root) == 1000 * os.sysconf("SC_PAGE_SIZE")
    assert machine.resident_bytes(host.root / "nowhere") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_memory_that_was_freed_is_given_back() -> None:
    assert machine.tame_malloc()
    held = [bytearray(50_000) for _ in range(2_000)]
    last = bytearray(50_000)  # stands above all of them on the heap
    full = machine.resident_bytes()
    held.clear()
    machine.give_back()
    assert full - machine.resident_bytes() > 80 * 2**20
    del last


# ------------------------------------------------------------------------------------------- room


def test_runs_under_way_are_promised_what_they_have_not_taken_yet() -> None:
    held = [300]
    room = machine.Room(1000, lambda: held[0])
    assert room.fits(600, under_way=0)
    assert room.fits(300, under_way=300)
    assert not room.fits(400, under_way=300)
    held[0] = 550  # most of the 300 has been taken: it counts once
    assert room.fits(300, under_way=300)
    held[0] = 700  # more than was promised: what stands beside has grown
    assert not room.fits(300, under_way=300)
    held[0] = 350
    assert room.fits(600, under_way=0)


def test_large_runs_leave_room_for_small_ones() -> None:
    room = machine.Room(1000, lambda: 300)
    assert room.fits(650, 0)
    assert not room.fits(650, 0, is_large=True)
    assert (room.at_best(), room.at_best(is_large=True)) == (650, 550)


def test_garbage_is_collected_every_other_second_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    collected: list[float] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(now[0]))
    garbage = machine.Collector(lambda: now[0])
    for second in (0.5, 1.9, 2.0, 2.1, 3.9, 4.0, 9.0, 10.9, 11.0):
        now[0] = second
        garbage.collect()
    assert collected == [2.0, 4.0, 9.0, 11.0]
