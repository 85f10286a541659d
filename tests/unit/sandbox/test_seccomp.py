"""The filter as the kernel would run it: a small interpreter of its BPF program judges system calls."""

import errno
import struct

import pytest

from lambent.sandbox import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
CALLS = {
    "x86_64": {
        "read": 0, "mmap": 9, "clone": 56, "fork": 57, "execve": 59, "clone3": 435, "socket": 41, "socketpair": 53,
        "futex": 202, "personality": 135, "mseal": 462,
    },
    "aarch64": {
        "read": 63, "mmap": 222, "clone": 220, "execve": 221, "clone3": 435, "socket": 198, "socketpair": 199,
        "futex": 98, "personality": 92, "mseal": 462,
    },
}  # fmt: skip
THREAD = 0x003D0F00  # what glibc's pthread_create asks of clone
NEW = {
    "CLONE_NEWTIME": 0x00000080,
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
MACHINES = ("x86_64", "aarch64")


def judge(
    machine: str, number: int, argument: int = 0, third: int = 0, *, fourth: int = 0, arch: int | None = None,
    template: bool = False,
) -> int:  # fmt: skip
    """What the filter of `machine` returns for a system call with this first argument, third and fourth."""
    program = list(struct.iter_unpack("HBBI", seccomp.program(machine, template=template)))
    data = struct.pack("<iIQ6Q", number, arch or ARCH[machine], 0, argument, 0, third, fourth, 0, 0)
    at, accumulator = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += yes if accumulator == value else no
            case 0x35:
                at += yes if accumulator >= value else no
            case 0x45:
                at += yes if accumulator & value else no
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"an instruction that the filter should not have: {code:#x}")


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", sorted(seccomp.DENIED))
def test_every_denied_call_is_not_permitted(machine, call):
    number = seccomp.DENIED[call][MACHINES.index(machine)]
    if number >= 0:
        assert judge(machine, number) == EPERM


@pytest.mark.parametrize(
    "call", ["mount", "umount2", "unshare", "setns", "ptrace", "bpf", "pivot_root", "open_by_handle_at"]
)
def test_the_ways_out_of_a_sandbox_are_among_the_denied(call):
    assert min(seccomp.DENIED[call]) > 0


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", ["read", "mmap", "execve", "futex", "mseal"])
def test_what_ordinary_programs_need_is_allowed(machine, call):
    assert judge(machine, CALLS[machine][call]) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("flags", [THREAD, 17, 0])
def test_clone_makes_threads_and_processes(machine, flags):
    assert judge(machine, CALLS[machine]["clone"], flags) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("namespace", sorted(NEW))
def test_clone_makes_no_namespace(machine, namespace):
    assert judge(machine, CALLS[machine]["clone"], NEW[namespace]) == EPERM
    assert judge(machine, CALLS[machine]["clone"], THREAD | NEW[namespace]) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_the_flags_of_other_calls_are_not_looked_at(machine):
    assert judge(machine, CALLS[machine]["read"], NEW["CLONE_NEWUSER"]) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_clone3_does_not_exist_so_that_libc_falls_back_to_clone(machine):
    assert judge(machine, CALLS[machine]["clone3"]) == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", ["socket", "socketpair"])
@pytest.mark.parametrize(("family", "answer"), [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, ALLOW)])
def test_sockets_of_the_families_that_programs_use_are_allowed(machine, call, family, answer):
    assert judge(machine, CALLS[machine][call], family) == answer


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", ["socket", "socketpair"])
@pytest.mark.parametrize("family", [*range(3, 10), *range(11, 16), *range(17, 48)])
def test_every_other_family_of_sockets_is_not_there(machine, call, family):
    assert judge(machine, CALLS[machine][call], family) == 0x00050000 | errno.EAFNOSUPPORT
    assert judge(machine, CALLS[machine][call], family, 1) == 0x00050000 | errno.EAFNOSUPPORT


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("protocol", range(1, 23))
def test_of_netlink_only_the_listing_of_addresses_is_there(machine, protocol):
    assert judge(machine, CALLS[machine]["socket"], 16, protocol) == 0x00050000 | errno.EPROTONOSUPPORT
    assert judge(machine, CALLS[machine]["socket"], 2, protocol) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("wanted", "answer"), [(0, ALLOW), (8, ALLOW), (0xFFFFFFFF, ALLOW), (0x40000, EPERM), (0x400008, EPERM)]
)
def test_a_personality_may_be_asked_for_but_not_weakened(machine, wanted, answer):
    assert judge(machine, CALLS[machine]["personality"], wanted) == answer


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("number", [463, 467, 500, 1000])
def test_calls_that_are_newer_than_the_filter_do_not_exist(machine, number):
    assert judge(machine, number) == ENOSYS


@pytest.mark.parametrize(
    ("machine", "foreign"), [("x86_64", "i386"), ("x86_64", "aarch64"), ("aarch64", "arm"), ("aarch64", "x86_64")]
)
def test_a_call_by_another_architectures_table_kills(machine, foreign):
    assert judge(machine, CALLS[machine]["read"], arch=ARCH[foreign]) == KILL


@pytest.mark.parametrize("number", [0, 165, 272, 520])
def test_the_x32_table_is_no_way_around(number):
    assert judge("x86_64", 0x40000000 | number) == ENOSYS


@pytest.mark.parametrize("template", [False, True])
@pytest.mark.parametrize("machine", MACHINES)
def test_every_jump_lands_inside_the_program_and_the_last_instruction_returns(machine, template):
    program = list(struct.iter_unpack("HBBI", seccomp.program(machine, template=template)))
    assert len(program) <= 4096, "the kernel takes no longer program"
    for at, (code, yes, no, _) in enumerate(program):
        if code in (0x15, 0x35, 0x45):
            assert at + 1 + max(yes, no) < len(program)
    assert program[-1][0] == 0x06


@pytest.mark.parametrize("column", [0, 1])
def test_no_number_is_denied_under_two_names(column):
    numbers = [numbers[column] for numbers in seccomp.DENIED.values() if numbers[column] >= 0]
    assert len(numbers) == len(set(numbers))


def test_an_unknown_machine_has_no_filter_which_means_no_isolation():
    assert seccomp.program("riscv64") == b""


# -- the filter of templates (SnapStart)

EVERYTHING_NEW = sum(bit for name, bit in NEW.items() if name != "CLONE_NEWTIME")
PROC_FLAGS = 14  # nosuid, nodev, noexec


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", sorted(set(seccomp.DENIED) - {"move_mount"}))
def test_a_template_may_not_do_what_others_may_not_but_for_three_calls(machine, call):
    number = seccomp.DENIED[call][MACHINES.index(machine)]
    if number >= 0:
        assert judge(machine, number, template=True) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_a_template_makes_processes_in_a_whole_set_of_namespaces_or_in_none(machine):
    clone = CALLS[machine]["clone"]
    assert judge(machine, clone, EVERYTHING_NEW | 17, template=True) == ALLOW
    assert judge(machine, clone, EVERYTHING_NEW | 17) == EPERM
    for each in NEW.values():
        assert judge(machine, clone, each | 17, template=True) == EPERM
        assert judge(machine, clone, (EVERYTHING_NEW | 17) ^ each, template=True) == EPERM
    assert judge(machine, clone, THREAD, template=True) == ALLOW
    assert judge(machine, clone, 17, template=True) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_a_template_mounts_without_suid_devices_and_programs_only(machine):
    mount, move = (seccomp.DENIED[call][MACHINES.index(machine)] for call in ("mount", "move_mount"))
    assert judge(machine, mount, fourth=PROC_FLAGS, template=True) == ALLOW
    assert [judge(machine, mount, fourth=flags, template=True) for flags in (0, 2, 6, 15, 32, 4096)] == [EPERM] * 6
    assert judge(machine, mount, fourth=PROC_FLAGS) == EPERM
    assert (judge(machine, move, template=True), judge(machine, move)) == (ALLOW, EPERM)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_template_unshares_its_control_groups_only(machine):
    unshare = seccomp.DENIED["unshare"][MACHINES.index(machine)]
    assert judge(machine, unshare, NEW["CLONE_NEWCGROUP"], template=True) == ALLOW
    assert judge(machine, unshare, NEW["CLONE_NEWCGROUP"] | NEW["CLONE_NEWUSER"], template=True) == EPERM
