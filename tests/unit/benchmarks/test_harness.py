"""How samples are taken and compared, with a clock that only moves when it is told to."""

from __future__ import annotations

import pytest

from benchmarks.harness import Clocks, Contender, Sample, Timing, calls_for, interleaved, ratio


class Clock:
    """A machine on which nothing takes time by itself."""

    def __init__(self) -> None:
        self.wall = 0.0
        self.cpu = 0.0

    def work(self, seconds: float, *, waiting: float = 0.0) -> None:
        self.cpu += seconds
        self.wall += seconds + waiting

    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: self.wall, cpu=lambda: self.cpu)

    def contender(self, seconds: float, *, waiting: float = 0.0) -> Contender:
        async def call() -> None:
            self.work(seconds, waiting=waiting)

        return Contender(call)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def timing(*cpu: float) -> Timing:
    return Timing(tuple(Sample(wall=2 * one, cpu=one) for one in cpu))


async def test_a_sample_is_the_time_of_one_call(clock: Clock) -> None:
    found = await interleaved(
        {"one": clock.contender(3, waiting=1)}, calls=4, rounds=5, clocks=clock.clocks()
    )

    assert found["one"].samples == (Sample(wall=4, cpu=3),) * 5


async def test_each_round_runs_every_contender_once_in_shuffled_order() -> None:
    ran: list[str] = []

    def named(name: str) -> Contender:
        async def call() -> None:
            ran.append(name)

        return Contender(call)

    await interleaved(
        {"a": named("a"), "b": named("b")}, calls=1, rounds=2, shuffle=lambda names: names.reverse()
    )

    # The first round is the one that does not count.
    assert ran == ["b", "a"] * 3


async def test_the_first_round_does_not_count(clock: Clock) -> None:
    costs = iter([100.0, 1.0, 2.0])

    async def call() -> None:
        clock.work(next(costs))

    found = await interleaved({"one": Contender(call)}, calls=1, rounds=2, clocks=clock.clocks())

    assert [sample.cpu for sample in found["one"].samples] == [1, 2]


async def test_what_comes_before_and_after_a_sample_is_not_timed(clock: Clock) -> None:
    told: list[int] = []

    async def before(calls: int) -> None:
        told.append(calls)
        clock.work(50)

    async def after() -> None:
        clock.work(70)

    call = clock.contender(1).call
    found = await interleaved(
        {"one": Contender(call, before, after)}, calls=3, rounds=1, clocks=clock.clocks()
    )

    assert found["one"].cpu == 1
    assert told == [3, 3]


async def test_a_sample_gets_as_many_calls_as_fill_its_length(clock: Clock) -> None:
    contenders = [clock.contender(0.25), clock.contender(0.5)]

    assert await calls_for(contenders, seconds=2, most=100, clocks=clock.clocks()) == 8
    assert await calls_for(contenders, seconds=2, most=5, clocks=clock.clocks()) == 5
    assert await calls_for(contenders, seconds=0, most=5, clocks=clock.clocks()) == 1


def test_median_and_best_are_of_all_samples() -> None:
    found = timing(3, 1, 2, 9, 2)

    assert (found.cpu, found.best_cpu) == (2, 1)
    assert (found.wall, found.best_wall) == (4, 2)


def test_a_machine_that_slows_down_does_not_change_a_ratio() -> None:
    found = ratio(timing(2, 4, 8, 16), timing(1, 2, 4, 8))

    assert (found.value, found.noise) == (2, 0)


def test_one_disturbed_round_does_not_change_a_ratio() -> None:
    found = ratio(timing(2, 2, 900, 2, 2), timing(1, 1, 1, 1, 1))

    assert (found.value, found.best, found.noise) == (2, 2, 0)


@pytest.mark.parametrize("times", [2, 5])
def test_more_rounds_make_less_noise(times: int) -> None:
    spread = (1.0, 1.1, 1.2, 1.3, 1.4)

    few, many = (
        ratio(timing(*costs), timing(*[1.0] * len(costs))) for costs in (spread, spread * times**2)
    )

    assert many.value == few.value
    assert many.noise == pytest.approx(few.noise / times)


def test_wall_and_cpu_are_compared_apart() -> None:
    ours = Timing((Sample(wall=6, cpu=2),))
    floor = Timing((Sample(wall=2, cpu=1),))

    assert ratio(ours, floor, "wall").value == 3
    assert ratio(ours, floor, "cpu").value == 2
