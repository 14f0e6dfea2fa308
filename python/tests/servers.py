# SPDX-License-Identifier: Apache-2.0
"""Spark's own servers as processes of a test: Connect, Thrift, and a standalone cluster."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyspark
from conftest import JVM_OPTIONS, Programs, warnings_of

HOME = Path(pyspark.__file__).parent


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def await_text(process: subprocess.Popen[Any], log: Path, text: str) -> None:
    """Until a process has written the text to its log."""
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)


@contextmanager
def server(
    programs: Programs, started: str, main: str, conf: dict[str, str], *arguments: str
) -> Iterator[None]:
    """One of Spark's servers with the plugin, as its documentation starts one."""
    from sparkdiskcache._install import jar_path

    conf = {
        **programs.conf,
        "spark.master": "local[2]",
        "spark.plugins": "io.sparkdiskcache.DiskCachePlugin",
        "spark.jars": str(jar_path()),
        **conf,
    }
    submit = [str(HOME / "bin" / "spark-submit")]
    for key, value in conf.items():
        submit += ["--conf", f"{key}={value}"]
    submit += ["--class", main, "spark-internal", *arguments]
    log = programs.directory / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(submit, cwd=programs.directory, stdout=out, stderr=subprocess.STDOUT)
    try:
        await_text(process, log, started)
        yield
    finally:
        process.terminate()
        process.wait()
    assert warnings_of(log.read_text()) == []


@contextmanager
def connect_server(programs: Programs) -> Iterator[str]:
    port = free_port()
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    main = "org.apache.spark.sql.connect.service.SparkConnectServer"
    with server(programs, "Spark Connect server started", main, conf):
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def standalone(directory: Path, hosts: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The URL of a cluster: a master, and a worker with one core for each host, with variables of its environment.

    To the scheduler ``127.0.0.1`` and ``localhost`` are two hosts.
    """
    daemon = {"SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": JVM_OPTIONS}
    with contextlib.ExitStack() as processes:

        def start(name: str, ready: str, variables: Mapping[str, str], main: str, *arguments: str) -> None:
            log = directory / f"{name}.log"
            with log.open("w") as out:
                process = subprocess.Popen(
                    [str(HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{main}", *arguments],
                    env={**os.environ, **daemon, **variables},
                    cwd=directory,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            processes.callback(end_all, process)
            await_text(process, log, ready)

        port = str(free_port())
        url = f"spark://127.0.0.1:{port}"
        place = ("--host", "127.0.0.1", "--port", port, "--webui-port", "0")
        start("master", "I have been elected leader", {}, "master.Master", *place)
        for host, variables in hosts.items():
            work = ("--work-dir", str(directory / f"work-{host}"), "--cores", "1", "--memory", "1g")
            place = ("--host", host, "--webui-port", "0")
            start(host, "Successfully registered with master", variables, "worker.Worker", *place, *work, url)
        yield url


def end_all(process: subprocess.Popen[Any]) -> None:
    """A process, and those that it has started: a worker's executors."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    process.wait()
    for child in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(started, timeout=60)


class Beeline:
    """A user's connection to a Thrift server, in a process of its own."""

    def __init__(self, url: str, user: str, log: Path) -> None:
        command = [str(HOME / "bin" / "beeline"), "-u", url, "-n", user]
        options = ["--silent=true", "--showHeader=false", "--outputformat=csv2"]
        with log.open("w") as out:
            self._process = subprocess.Popen(
                command + options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True
            )
        self._asked = 0
        self._log = log

    def ask(self, sql: str) -> list[str]:
        """The rows of numbers that a statement gives."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asked += 1
        end = f"end-{self._asked}"
        self._process.stdin.write(f"{sql};\nSELECT concat('end-', {self._asked});\n")
        self._process.stdin.flush()
        rows = []
        for line in self._process.stdout:
            line = line.strip().removeprefix("null")  # in the place of a prompt
            if line == end:
                return rows
            if line.replace(",", "").isdigit():  # others are echoes of statements
                rows.append(line)
        raise AssertionError(f"{sql}: {self._log.read_text()}")

    def close(self) -> None:
        self._process.communicate("!quit\n", timeout=60)
