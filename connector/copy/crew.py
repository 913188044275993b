"""The connections of a copy: one thread each, which works, reconnects and gives up by itself.

A connection that is lost or refused returns its work to the others, and tries again later. The copy
fails only when no connection is left.
"""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections.abc import Callable
from contextlib import suppress

from ..errors import (
    ConnectFailed,
    ConnectorError,
    LinkLost,
    QuotaExceeded,
    ResourcesExhausted,
    ServiceError,
    ServiceThrottled,
    SessionEnded,
    StartAbandoned,
    TargetNotReady,
    UpgradeRejected,
)
from ..programs import Ran
from .jobs import Jobs, remove_part
from .links import Link, Way
from .packets import ConnectionLost
from .sftp import Job, Pipeline, SftpError
from .sides import Far, Side
from .work import RANGE, Item, Work

#: Bytes on one connection that are not there yet, up to which another job starts. So the next
#: range begins before the answers to the last one have arrived.
_MOST_BYTES = 512 * 1024

#: How often a connection is tried before its thread gives up. The pauses add up to half a minute.
_TRIES = 6

#: Seconds before another try: from the first, doubled each time, up to the last.
_FIRST_PAUSE = 1.0
_LAST_PAUSE = 16.0

#: Failures after which another try may succeed. After others, such as a login that needs a
#: password, a thread gives up at once.
_PASSING = (
    ConnectFailed,
    LinkLost,
    QuotaExceeded,
    ServiceError,
    ServiceThrottled,
    SessionEnded,
    TargetNotReady,
    UpgradeRejected,
)

logger = logging.getLogger(__name__)


def is_passing(error: ConnectorError) -> bool:
    """Return whether another try may succeed after this failure."""
    return isinstance(error, _PASSING)


class Crew:
    """All connections of a copy.

    :param make_jobs: makes the jobs of a connection from its side of the far end.
    :param report: tells the user that there are fewer connections, and why.
    :ivar error: why the last connection was lost.
    """

    def __init__(
        self,
        work: Work,
        way: Way,
        make_jobs: Callable[[Far], Jobs],
        target: Side | None,
        report: Callable[[str], None],
    ) -> None:
        self.error: Exception | None = None
        self._work = work
        self._way = way
        self._make_jobs = make_jobs
        self._target = target
        self._report = report
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._threads: list[threading.Thread] = []
        self._working = self._count = 0
        self._reasons: set[str] = set()  # that the user was told

    def start(self, first: Link, count: int) -> None:
        """Start the connections; the first one is open already."""
        self._work.connections = self._working = self._count = count
        self._links.append(first)
        for index in range(count):
            link = None if index else first
            thread = threading.Thread(target=self._run, args=(link,), name=f"copy {index}")
            self._threads.append(thread)
            thread.start()

    @property
    def connected(self) -> int:
        """The number of connections at the moment."""
        with self._lock:
            return len(self._links)

    def run(self, command: str, stdin: bytes, timeout: float) -> Ran:
        """Run a command of the target over one of the connections.

        :raises TimeoutError: when it takes too long; OSError: when no connection is there.
        """
        for _ in range(2):
            with self._lock:
                link = self._links[0] if self._links else None
            if link is None:
                break
            ran = link.run(command, stdin, timeout)
            if ran.status != 255:
                return ran
        raise ConnectionError("there is no connection")

    def end(self, patience: float) -> None:
        """Wait until all connections have ended.

        :param patience: seconds after which the connections that are left are cut.
        """
        started = [thread for thread in self._threads if thread.is_alive()]
        for thread in started:
            thread.join(patience if thread.is_alive() else 0)
        with self._lock:
            links = list(self._links)
        for link in links:
            link.abort()
        for thread in started:
            thread.join()

    # In the threads.

    def _run(self, link: Link | None) -> None:
        try:
            failures = 0
            while not self._work.ended:
                if link is None:
                    link = self._connect(failures)
                if link is None:
                    return
                done = self._serve(link)
                failures = 0 if done else failures + 1
                link = None
                if failures == _TRIES and isinstance(self.error, ConnectorError):
                    self._give_up(self.error)
                    return
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            with self._lock:
                self.error = error
                self._work.stop()
        finally:
            with self._lock:
                self._working -= 1
                last = not self._working
                self._work.connections = max(1, self._working)
            if last:
                self._work.stop()

    def _connect(self, failures: int) -> Link | None:
        """Return a new connection, or None when the thread is to end."""
        while True:
            if failures:
                pause = min(_LAST_PAUSE, _FIRST_PAUSE * 2 ** (failures - 1))
                self._work.wait_for_end(pause * random.uniform(0.5, 1))
            if self._work.ended:
                return None
            link = Link(self._way, next(self._numbers), may_ask=False)
            with self._lock:
                self._links.append(link)
            try:
                link.open()
            except StartAbandoned:
                self._forget(link)
                return None
            except OSError as error:
                self._forget(link)
                self._give_up(
                    ResourcesExhausted(
                        f"The system allows no more open files ({error.strerror})",
                        "Raise the limit: `ulimit -n` shows it",
                    )
                )
                return None
            except ConnectorError as error:
                self._forget(link)
                failures += 1
                logger.info("no connection at try %d: %s", failures, error)
                if failures < _TRIES and is_passing(error):
                    continue
                self._give_up(error)
                return None
            return link

    def _give_up(self, error: ConnectorError) -> None:
        with self._lock:
            left = self._working - 1
            self.error = error
            is_known = str(error) in self._reasons
            self._reasons.add(str(error))
        if left and not is_known and not self._work.ended:
            self._report(f"{error}. The copy goes on with {left} of {self._count} connections")

    def _forget(self, link: Link) -> None:
        with self._lock, suppress(ValueError):
            self._links.remove(link)

    def _serve(self, link: Link) -> int:
        """Work on a connection to its end, and return how many items were done or begun."""
        pipeline = link.pipeline
        jobs = self._make_jobs(Far(pipeline.sftp))
        items: set[Item] = set()
        done = 0

        def counted(item: Item) -> Job[None]:
            nonlocal done
            yield from jobs.job(item)
            items.discard(item)
            done += 1

        try:
            while not self._work.ended:
                while self._has_room(pipeline, items) and (item := self._work.take()) is not None:
                    items.add(item)
                    pipeline.start(counted(item))
                if pipeline.running:
                    pipeline.turn()
                else:
                    self._work.wait_for_item(1.0)
            pipeline.cancel()
            self._clean(pipeline, items)
        except ConnectionLost:
            pipeline.cancel()
            self._forget(link)
            lost = link.failure()
            logger.info("a connection was lost: %s", lost)
            with self._lock:
                if not self._work.ended:  # another error may have ended the copy
                    self.error = lost
        finally:
            for item in items:
                done += self._return(jobs, item)
            self._forget(link)
            link.close()
        return done

    def _has_room(self, pipeline: Pipeline, items: set[Item]) -> bool:
        """Return whether another item may start. More would be lost to the other connections."""
        ahead = pipeline.sftp.outstanding + sum(item.left for item in items)
        return pipeline.running < self._work.files_each and ahead < _MOST_BYTES

    def _clean(self, pipeline: Pipeline, items: set[Item]) -> None:
        """Remove the unfinished small files of the far end when the copy is interrupted."""
        far = Far(pipeline.sftp)
        if self._target is None:
            own = {item.task for item in items}
            for task in self._work.left_over():
                if task.has_part and not task.is_resumable and (task in own or not task.busy):
                    task.has_part = False
                    pipeline.run(remove_part(far, task))

    def _return(self, jobs: Jobs, item: Item) -> bool:
        """Give an item back, of a connection that has ended; return whether a part is kept."""
        copied = item.reached - item.range.start
        if item.kind == RANGE and self._target is not None:
            # The bytes are in a file of this machine: what was copied is kept.
            with suppress(SftpError, OSError):
                for _ in jobs.note(item):
                    continue
                self._work.range_done(item)
                return copied > 0
        self._work.give_back(item, copied)
        return False
