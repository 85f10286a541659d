"""The key of environment variables, and what it seals."""

import json
from pathlib import Path

import pytest

from lambent.errors import EnvironmentDenied, SandboxError
from lambent.sandbox import protocol
from lambent.sandbox.sealing import Sealing
from lambent.sandbox.vault import KEY_FILE, Vault

OWNER = "arn:aws:lambda:us-east-1:000000000000:function:mine"
OTHER = "arn:aws:lambda:us-east-1:000000000000:function:other"
VARIABLES = {"PASSWORD": "correct horse", "ÜMLAUT": "→"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "keys")


def test_what_was_sealed_opens_also_after_a_restart(vault: Vault, tmp_path: Path) -> None:
    sealed = vault.seal(VARIABLES, OWNER)
    assert vault.open(sealed, OWNER) == VARIABLES
    assert Vault(tmp_path / "keys").open(sealed, OWNER) == VARIABLES
    assert vault.open(vault.seal({}, OWNER), OWNER) == {}


def test_nothing_of_the_variables_can_be_read_in_what_is_stored(vault: Vault) -> None:
    sealed = vault.seal(VARIABLES, OWNER)
    for name, value in VARIABLES.items():
        assert name.encode() not in sealed
        assert value.encode() not in sealed


def test_the_same_variables_of_one_function_are_sealed_alike_and_all_else_differently(vault: Vault) -> None:
    """So that publishing can tell that nothing has changed, without opening anything."""
    assert vault.seal(VARIABLES, OWNER) == vault.seal(dict(VARIABLES), OWNER)
    assert vault.seal(VARIABLES, OWNER) != vault.seal(VARIABLES, OTHER)
    assert vault.seal(VARIABLES, OWNER) != vault.seal(VARIABLES | {"A": "B"}, OWNER)


def test_what_belongs_to_one_function_does_not_open_as_anothers(vault: Vault) -> None:
    with pytest.raises(EnvironmentDenied, match="were another function's"):
        vault.open(vault.seal(VARIABLES, OWNER), OTHER)


@pytest.mark.parametrize("at", [0, 3, 5, 10, -1])
def test_what_was_tampered_with_does_not_open(vault: Vault, at: int) -> None:
    damaged = bytearray(vault.seal(VARIABLES, OWNER))
    damaged[at] ^= 1
    with pytest.raises(EnvironmentDenied):
        vault.open(bytes(damaged), OWNER)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01abcd", b"short"])
def test_what_was_never_sealed_does_not_open(vault: Vault, sealed: bytes) -> None:
    with pytest.raises(EnvironmentDenied):
        vault.open(sealed, OWNER)


def test_with_another_key_the_error_is_awss_and_says_what_to_do(vault: Vault, tmp_path: Path) -> None:
    sealed = vault.seal(VARIABLES, OWNER)
    (tmp_path / "keys" / KEY_FILE).unlink()
    with pytest.raises(EnvironmentDenied) as denied:
        Vault(tmp_path / "keys").open(sealed, OWNER)
    assert (denied.value.code, denied.value.status) == ("KMSAccessDeniedException", 502)
    assert "KMS access was denied" in denied.value.message
    assert "encrypted with another key" in denied.value.message
    assert "restore the key from a backup" in denied.value.message


def test_the_key_is_made_once_for_its_owner_only(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "keys" / KEY_FILE
    vault.seal({}, OWNER)
    key = path.read_bytes()
    assert (len(key), path.stat().st_mode & 0o777) == (64, 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    Vault(tmp_path / "keys").seal({}, OWNER)
    assert path.read_bytes() == key
    assert list(path.parent.iterdir()) == [path]


def test_half_a_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"half")
    with pytest.raises(SandboxError, match="should have 64 bytes and has 4: restore it from a backup"):
        Vault(tmp_path).seal(VARIABLES, OWNER)
    assert (tmp_path / KEY_FILE).read_bytes() == b"half"


# -- the agent's part


class Asked:
    """An agent's nursery that gives what it is asked for, and the front end that hears the answers."""

    def __init__(self, vault: Vault) -> None:
        self.orders: list[object] = []
        self.heard: list[object] = []
        self.sealing = Sealing(vault, self.obey)

    def obey(self, order: protocol.Assign, tell: object) -> None:
        self.orders.append(order)
        tell(protocol.Assigned(order.ask, "husk", ()), [7])  # type: ignore[operator]

    def ask(self, order: object) -> object:
        self.sealing.obey(order, lambda message, fds=None: self.heard.append((message, fds)))
        return self.heard[-1]


def assign(sealed: bytes) -> protocol.Assign:
    return protocol.Assign(5, "python3.13", "/code", (), 128, 512, sealed=sealed, owner=OWNER)


def test_an_assignment_brings_the_variables_opened_with_its_descriptors(vault: Vault) -> None:
    asked = Asked(vault)
    found = asked.ask(assign(vault.seal(VARIABLES, OWNER)))
    assert found == (protocol.Assigned(5, "husk", (), environment=VARIABLES), [7])


def test_without_variables_the_key_is_not_even_read(tmp_path: Path) -> None:
    asked = Asked(Vault(tmp_path / "keys"))
    assert asked.ask(assign(b"")) == (protocol.Assigned(5, "husk", ()), [7])
    assert not (tmp_path / "keys").exists()


def test_an_assignment_whose_variables_do_not_open_is_refused_before_anything_is_made(vault: Vault) -> None:
    asked = Asked(vault)
    message, _ = asked.ask(assign(b"never sealed"))  # type: ignore[misc]
    assert (message.ask, message.denied, asked.orders) == (5, True, [])
    assert "KMS access was denied" in message.error


def test_what_is_shown_is_opened_one_by_one_so_that_one_failure_hides_no_other(vault: Vault) -> None:
    asked = Asked(vault)
    good = vault.seal(VARIABLES, OWNER)
    opened, _ = asked.ask(protocol.Open(9, ((good, OWNER), (good, OTHER), (good, OWNER))))  # type: ignore[misc]
    assert opened.environments[0] == opened.environments[2] == VARIABLES
    assert "KMS access was denied" in opened.environments[1]


def test_sealing_is_answered_with_bytes_that_open_again(vault: Vault) -> None:
    sealed, _ = Asked(vault).ask(protocol.Seal(3, VARIABLES, OWNER))  # type: ignore[misc]
    assert (sealed.error, vault.open(sealed.sealed, OWNER)) == (None, VARIABLES)


def test_messages_with_the_largest_environments_fit_a_datagram(vault: Vault) -> None:
    """4 KB, measured as JSON, which is what makes it largest when sealed."""
    from lambent.sandbox.unsealing import AT_ONCE

    largest = {"A": '"' * 2042}
    assert len(json.dumps(largest, separators=(",", ":"))) <= 4096
    sealed = vault.seal(largest, OWNER)
    order = protocol.Open(1, ((sealed, OWNER * 2),) * AT_ONCE)
    answer = protocol.Opened(1, ({"A": "x" * 4090},) * AT_ONCE)
    for message in (order, answer, protocol.Seal(1, largest, OWNER), assign(sealed)):
        assert len(protocol._encoder.encode(message)) < protocol.LARGEST


KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"


def test_a_named_key_is_a_file_of_its_own_and_what_it_sealed_opens_by_itself(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(VARIABLES, OWNER, KEY)
    assert Vault(tmp_path).open(sealed, OWNER) == VARIABLES
    (file,) = (tmp_path / "kms").iterdir()
    assert file.name == "arn_aws_kms_us-east-1_000000000000_key_11111111-2222-3333-4444-555555555555.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert sealed == vault.seal(VARIABLES, OWNER, KEY) != vault.seal(VARIABLES, OWNER)
    assert not (tmp_path / KEY_FILE).exists() or sealed != vault.seal(VARIABLES, OTHER, KEY)
    with pytest.raises(EnvironmentDenied, match="were another function's"):
        vault.open(sealed, OTHER)


def test_a_key_that_is_taken_away_is_gone_at_once_and_not_made_anew(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(VARIABLES, OWNER, KEY)
    (file,) = (tmp_path / "kms").iterdir()
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(EnvironmentDenied, match="is not there"):
        vault.open(sealed, OWNER)
    assert not file.exists()
    vault.seal(VARIABLES, OWNER, KEY)
    with pytest.raises(EnvironmentDenied, match="with another key"):
        vault.open(sealed, OWNER)
    file.write_bytes(kept)
    assert vault.open(sealed, OWNER) == VARIABLES


def test_what_was_sealed_under_one_name_does_not_open_under_another(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    other = KEY.replace("5555", "6666")
    sealed = vault.seal(VARIABLES, OWNER, KEY)
    vault.seal(VARIABLES, OWNER, other)
    with pytest.raises(EnvironmentDenied):
        vault.open(sealed.replace(KEY.encode(), other.encode()), OWNER)


@pytest.mark.parametrize("key", ["../../etc/x", f"{KEY}/../x", "arn:aws:kms:a:1:key/k", "x", KEY + "\n"])
def test_what_is_no_key_arn_reaches_no_file(tmp_path: Path, key: str) -> None:
    with pytest.raises(SandboxError, match="not the ARN of a key"):
        Vault(tmp_path).seal(VARIABLES, OWNER, key)
    forged = b"\x02" + len(key).to_bytes(2, "big") + key.encode() + b"mark" + b"x" * 20
    with pytest.raises(SandboxError, match="not the ARN of a key"):
        Vault(tmp_path).open(forged, OWNER)
    assert not (tmp_path / "kms").exists()
