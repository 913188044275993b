"""Liveness, with literal times."""

from __future__ import annotations

from connector.transport.liveness import PING_INTERVAL, WAKE_TIMEOUT, Liveness, Sign

WALL = 1_800_000_000.0


def look(liveness: Liveness, now: float, slept: float = 0.0) -> str:
    return liveness.look(now, WALL + now + slept)


def look_until(liveness: Liveness, begin: int, end: int) -> dict[int, str]:
    """Look once a second from ``begin`` on, before ``end``; return what is due and when."""
    return {second: look(liveness, second) for second in range(begin, end)}


def test_quiet_link_is_pinged_at_each_interval() -> None:
    liveness = Liveness(20.0, 0.0, WALL)
    pinged = []
    for second in range(1, 100):
        liveness.heard(second)
        if look(liveness, second) == Sign.PING:
            pinged.append(second)

    assert pinged == [20, 40, 60, 80]


def test_silent_link_is_dead_after_45_seconds_and_two_pings() -> None:
    liveness = Liveness(PING_INTERVAL, 0.0, WALL)
    signs = look_until(liveness, 1, 46)

    assert [second for second, sign in signs.items() if sign == Sign.PING] == [20, 40]
    assert [second for second, sign in signs.items() if sign == Sign.DEAD] == [45]
    assert liveness.silence(45) == 45


def test_received_bytes_restart_the_silence() -> None:
    liveness = Liveness(20.0, 0.0, WALL)
    look_until(liveness, 1, 44)
    liveness.heard(44.0)
    signs = look_until(liveness, 44, 90)

    assert [second for second, sign in signs.items() if sign == Sign.DEAD] == [89]


def test_time_until_dead_depends_on_the_interval() -> None:
    liveness = Liveness(2.0, 0.0, WALL)

    assert look(liveness, 2.0) == Sign.PING
    assert look(liveness, 4.0) == Sign.PING
    assert look(liveness, 4.5) == Sign.DEAD


def test_wake_up_pings_at_once_and_waits_briefly() -> None:
    """During sleep the monotonic clock stops and the wall clock does not."""
    liveness = Liveness(20.0, 0.0, WALL)
    assert look(liveness, 1.0) == Sign.NONE

    assert look(liveness, 2.0, slept=3600.0) == Sign.PING
    assert look(liveness, 3.0, slept=3600.0) == Sign.NONE
    assert look(liveness, 2.0 + WAKE_TIMEOUT, slept=3600.0) == Sign.DEAD


def test_short_sleep_changes_nothing() -> None:
    liveness = Liveness(20.0, 0.0, WALL)
    look(liveness, 2.0, slept=60.0)
    liveness.heard(2.1)
    look(liveness, 4.0, slept=60.0)

    assert look(liveness, 2.0 + WAKE_TIMEOUT, slept=60.0) == Sign.NONE


def test_clock_correction_is_not_a_sleep() -> None:
    liveness = Liveness(20.0, 0.0, WALL)

    assert look(liveness, 1.0, slept=2.0) == Sign.NONE
    assert look(liveness, 2.0, slept=-5.0) == Sign.NONE


def test_stopped_process_pings_before_it_gives_up() -> None:
    """After Ctrl-Z, for example: the process did not read, so the silence means nothing."""
    liveness = Liveness(20.0, 0.0, WALL)
    look_until(liveness, 1, 10)

    assert look(liveness, 100.0) == Sign.PING
    liveness.heard(100.5)
    assert set(look_until(liveness, 101, 110).values()) == {Sign.NONE}
