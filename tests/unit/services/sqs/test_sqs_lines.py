"""Which message of a queue goes out next: the promises of standard and FIFO queues, without a queue."""

import pytest

from lambent.services.sqs.groups import FifoLine
from lambent.services.sqs.line import StandardLine
from lambent.services.sqs.nouns import Message


def message(number, group="", due=0.0, receives=0):
    return Message(number, f"m{number}", sent=0.0, due=due, group=group, receives=receives)


def filled(line, *messages, now=0.0):
    for each in messages:
        line.add(each, now)
    return line


def numbers(messages):
    return [each.id for each in messages]


@pytest.fixture(params=[StandardLine, FifoLine])
def line(request):
    return request.param()


class TestEitherKind:
    def test_messages_go_out_in_the_order_of_their_arrival(self, line):
        filled(line, message(1, "a"), message(2, "a"), message(3, "a"))
        assert numbers(line.take(2, 0.0, 30.0)) == [1, 2]

    def test_a_message_in_flight_is_hidden_until_its_time_is_over(self, line):
        filled(line, message(1, "a"))
        assert numbers(line.take(10, 0.0, 30.0)) == [1]
        line.wake(29.9)
        assert not line.ready()
        assert line.flying == 1
        line.wake(30.0)
        assert numbers(line.take(10, 30.0, 60.0)) == [1]

    def test_each_receipt_counts_and_the_first_one_is_dated(self, line):
        one = message(1, "a")
        filled(line, one)
        line.take(1, 5.0, 10.0)
        line.wake(10.0)
        line.take(1, 11.0, 40.0)
        assert (one.receives, one.first_received) == (2, 5.0)

    def test_a_delayed_message_is_counted_as_such_until_it_is_due(self, line):
        filled(line, message(1, "a", due=10.0))
        assert (line.delayed, line.ready(), line.next_due()) == (1, False, 10.0)
        line.wake(10.0)
        assert (line.delayed, line.ready()) == (0, True)

    def test_what_was_in_flight_at_a_restart_still_is(self, line):
        filled(line, message(1, "a", due=10.0, receives=1))
        assert (line.flying, line.delayed) == (1, 0)
        line.wake(10.0)
        assert numbers(line.take(1, 10.0, 20.0)) == [1]

    def test_a_deleted_message_never_comes_back(self, line):
        one = message(1, "a")
        filled(line, one)
        line.take(1, 0.0, 30.0)
        line.drop(one)
        line.wake(100.0)
        assert (len(line), line.flying, line.ready(), line.find(1)) == (0, 0, False, None)

    def test_one_that_is_deleted_before_it_goes_out_does_not_go_out(self, line):
        one = message(1, "a")
        filled(line, one, message(2, "a"))
        line.drop(one)
        assert numbers(line.take(10, 0.0, 30.0)) == [2]

    def test_a_shorter_visibility_lets_it_out_earlier(self, line):
        one = message(1, "a")
        filled(line, one)
        line.take(1, 0.0, 30.0)
        line.change(one, 5.0, 1.0)
        line.wake(5.0)
        assert numbers(line.take(1, 5.0, 35.0)) == [1]

    def test_a_longer_one_keeps_it_hidden(self, line):
        one = message(1, "a")
        filled(line, one)
        line.take(1, 0.0, 30.0)
        line.change(one, 90.0, 1.0)
        line.wake(31.0)
        assert not line.ready()
        assert line.next_due() == 90.0

    def test_a_visibility_of_nought_lets_it_out_at_once(self, line):
        one = message(1, "a")
        filled(line, one)
        line.take(1, 0.0, 30.0)
        line.change(one, 1.0, 1.0)
        assert (line.ready(), line.flying) == (True, 0)

    def test_received_with_a_visibility_of_nought_it_is_visible_already(self, line):
        filled(line, message(1, "a"))
        assert numbers(line.take(1, 0.0, 0.0)) == [1]
        assert (line.ready(), line.flying) == (True, 0)

    def test_cleared_it_has_nothing_left(self, line):
        filled(line, message(1, "a"), message(2, "b", due=9.0))
        line.take(1, 0.0, 30.0)
        line.clear()
        assert (len(line), line.flying, line.delayed, line.next_due()) == (0, 0, 0, None)


class TestGroups:
    def test_while_some_of_a_group_are_in_flight_no_others_of_it_go_out(self):
        line = filled(FifoLine(), message(1, "a"), message(2, "a"), message(3, "b"))
        assert numbers(line.take(1, 0.0, 30.0)) == [1]
        assert numbers(line.take(10, 0.0, 30.0)) == [3]
        assert not line.ready()

    def test_one_receipt_takes_as_many_of_one_group_as_it_may_before_it_turns_to_the_next(self):
        line = filled(FifoLine(), message(1, "a"), message(2, "b"), message(3, "a"), message(4, "b"))
        assert numbers(line.take(3, 0.0, 30.0)) == [1, 3, 2]

    def test_the_group_goes_on_when_all_in_flight_are_deleted(self):
        first, second = message(1, "a"), message(2, "a")
        line = filled(FifoLine(), first, second, message(3, "a"))
        line.take(2, 0.0, 30.0)
        line.drop(first)
        assert not line.ready()
        line.drop(second)
        assert numbers(line.take(1, 0.0, 30.0)) == [3]

    def test_a_message_that_comes_back_takes_its_old_place(self):
        first, second = message(1, "a"), message(2, "a")
        line = filled(FifoLine(), first, second, message(3, "a"))
        line.take(2, 0.0, 30.0)
        line.change(first, 1.0, 1.0)
        assert not line.ready()
        line.drop(second)
        assert numbers(line.take(10, 1.0, 30.0)) == [1, 3]

    def test_a_delayed_message_holds_up_those_behind_it(self):
        line = filled(FifoLine(), message(1, "a", due=10.0), message(2, "a", due=12.0))
        assert not line.ready()
        line.wake(10.0)
        assert numbers(line.take(10, 10.0, 40.0)) == [1]

    def test_groups_that_are_empty_take_no_room(self):
        line = FifoLine()
        for number in range(1, 100):
            one = message(number, f"g{number}")
            line.add(one, 0.0)
            line.take(1, 0.0, 30.0)
            line.drop(one)
        assert len(line._groups) == 0
