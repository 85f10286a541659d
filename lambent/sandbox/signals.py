"""Names of signals."""


def signal_name(number: int) -> str:
    """As Go's os/exec prints them, since AWS's platform is written in it."""
    return {
        1: "hangup", 2: "interrupt", 3: "quit", 4: "illegal instruction", 5: "trace/breakpoint trap", 6: "aborted",
        7: "bus error", 8: "floating point exception", 9: "killed", 11: "segmentation fault", 13: "broken pipe",
        14: "alarm clock", 15: "terminated", 31: "bad system call",
    }.get(number, f"signal {number}")  # fmt: skip
