"""The queue in which the writers of one database take turns."""

import asyncio
import threading

import pytest

from andamios_orm.database.writers import WriterQueue, queue_for


async def asked(queue: WriterQueue, order: list[int], number: int) -> None:
    await queue.acquire()
    order.append(number)
    await asyncio.sleep(0)
    queue.release()


async def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    queue, order = WriterQueue(), list[int]()

    await asyncio.gather(*[asked(queue, order, number) for number in range(20)])

    assert order == list(range(20))


async def test_nobody_else_has_a_turn_meanwhile() -> None:
    queue = WriterQueue()
    inside = 0

    async def write() -> None:
        nonlocal inside
        await queue.acquire()
        inside += 1
        await asyncio.sleep(0)
        assert inside == 1
        inside -= 1
        queue.release()

    await asyncio.gather(*[write() for _ in range(20)])


async def test_one_who_gives_up_waiting_is_passed_over() -> None:
    queue = WriterQueue()
    await queue.acquire()
    first, second = (asyncio.ensure_future(queue.acquire()) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait({first})
    queue.release()

    await second
    queue.release()


async def test_a_turn_given_to_one_who_is_cancelled_at_that_moment_goes_on() -> None:
    queue = WriterQueue()
    await queue.acquire()
    first, second = (asyncio.ensure_future(queue.acquire()) for _ in range(2))
    await asyncio.sleep(0)

    # Given, but the one it was given to has not woken up yet.
    queue.release()
    first.cancel()

    await asyncio.wait({first})
    assert first.cancelled()
    await second
    queue.release()


def test_writers_of_two_event_loops_share_a_queue() -> None:
    queue = WriterQueue()
    counted = 0

    async def count() -> None:
        nonlocal counted
        for _ in range(200):
            await queue.acquire()
            before = counted
            await asyncio.sleep(0)
            counted = before + 1
            queue.release()

    threads = [threading.Thread(target=lambda: asyncio.run(count())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counted == 400


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_closed_while_it_waited_is_passed_over() -> None:
    queue = WriterQueue()
    closed = asyncio.new_event_loop()
    closed.run_until_complete(queue.acquire())
    waiting = closed.create_task(queue.acquire())
    closed.run_until_complete(asyncio.sleep(0))
    closed.close()

    queue.release()

    asyncio.run(queue.acquire())  # at once: nobody has the turn
    assert not waiting.done()


def test_a_database_has_one_queue_whoever_asks() -> None:
    queue = queue_for("duckdb:/shop.duckdb")

    assert queue_for("duckdb:/shop.duckdb") is queue
    assert queue_for("duckdb:/other.duckdb") is not queue
