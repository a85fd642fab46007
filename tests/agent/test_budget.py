from compliance.agent.budget import CPU_PERCENT, SLOWEST, WINDOW, Budget, budget_for, read_resident_mb


class Meters:
    """A minute passes between two looks, in which so much was used."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.memory = 20.0
        self.budget = Budget(1.0, 100.0, lambda: self.used, lambda: self.now, lambda: self.memory)

    def window(self, percent: float) -> str | None:
        for _ in range(WINDOW):
            self.now += 60
            self.used += 0.6 * percent
            reason = self.budget.judge()
        return reason


def test_an_agent_within_its_budget_does_as_it_was_told():
    meters = Meters()
    assert [meters.window(0.5) for _ in range(5)] == [None] * 5
    assert meters.budget.factor == 1


def test_too_much_processor_time_makes_it_look_less_often_and_say_why():
    meters = Meters()
    reason = meters.window(2.5)
    assert reason == (
        "The agent used 2.5% of a processor and 20 MB, where 1% and 100 MB are its budget: it looks 2 times less often."
    )
    assert meters.budget.factor == 2


def test_too_much_memory_does_too():
    meters = Meters()
    meters.memory = 300.0
    assert "300 MB" in (meters.window(0.1) or "")


def test_it_never_gets_slower_than_that_and_comes_back_step_by_step():
    meters = Meters()
    for _ in range(10):
        meters.window(9.0)
    assert meters.budget.factor == SLOWEST
    factors = []
    while meters.budget.factor > 1:
        reason = meters.window(0.1)
        factors.append(meters.budget.factor)
    assert factors == [8, 4, 2, 1]
    assert reason is None


def test_just_below_the_budget_it_stays_as_slow_as_it_is():
    meters = Meters()
    meters.window(2.0)
    assert meters.window(0.9) is not None
    assert meters.budget.factor == 2


def test_who_asks_for_more_looks_grants_as_much_more():
    assert budget_for(60)._cpu_percent == budget_for(3600)._cpu_percent == CPU_PERCENT
    assert budget_for(1)._cpu_percent == 60 * CPU_PERCENT


def test_the_memory_of_this_process_is_read_where_the_platform_tells():
    memory = read_resident_mb()
    assert memory is None or 5 < memory < 2000
