import threading

from vcam.pipeline.latest import Latest


def test_newest_wins_and_the_replaced_are_counted():
    slot: Latest[int] = Latest()
    for item in (1, 2, 3):
        slot.put(item)
    assert slot.take(0) == 3
    assert slot.dropped == 2
    assert slot.take(0) is None


def test_a_waiting_taker_gets_what_is_put():
    slot: Latest[str] = Latest()
    got: list[str | None] = []
    taker = threading.Thread(target=lambda: got.append(slot.take(5)))
    taker.start()
    slot.put("frame")
    taker.join(5)
    assert got == ["frame"]
    assert slot.dropped == 0


def test_clearing_counts_nothing():
    slot: Latest[int] = Latest()
    slot.put(1)
    slot.clear()
    assert slot.take(0) is None
    assert slot.dropped == 0


def test_a_wait_can_be_ended_without_an_item():
    box = Latest()
    box.wake()
    assert box.take(60.0) is None
    box.put("picture")
    assert box.take(60.0) == "picture"
