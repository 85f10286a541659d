"""What `lambent up` prints when it accepts requests."""

from collections.abc import Iterable

from lambent import __version__
from lambent.clock import iso
from lambent.sandbox.protocol import Hello
from lambent.settings import Settings


def banner(
    endpoint: str, hello: Hello, settings: Settings, now: float = 0.0, *, auth: str = "",
    external: Iterable[object] = (),
) -> str:  # fmt: skip
    """Where it listens, what isolation is in force, which runtimes it found; warnings in full. `now` (epoch seconds) is
    told if the clock is virtual, `auth` is what is to be said of signatures, `external` of what is elsewhere."""
    isolation = hello.isolation
    groups = f"control groups {isolation.cgroups}" if isolation.cgroups != "none" else "no control groups"
    kept = ", ".join(isolation.namespaces) or "none"
    lines = [
        f"Lambent {__version__} at {endpoint}   data in {settings.data_dir}",
        f"  isolation  {isolation.kind}: namespaces {kept}; {groups}; seccomp {'on' if isolation.seccomp else 'off'}",
        f"  network    {isolation.network or 'own loopback only'}",
        f"  runtimes   {' '.join(sorted(hello.runtimes)) or 'none found'}",
    ]
    if auth:
        lines.append(f"  auth       {auth}")
    lines += [f"  external   {each}" for each in external]
    if settings.clock == "virtual":
        lines.append(f"  CLOCK      VIRTUAL: time stands still at {iso(now)} until `lambent clock` moves it")
    if hello.swept:
        lines.append(f"  cleaned    {hello.swept} sandboxes that a killed server had left behind")
    for name, info in sorted(hello.runtimes.items()):
        if info.stands_in_for:
            lines.append(
                f"  WARNING    {name} functions run on {info.name}: AWS would not do that (--runtime-fallback)"
            )
    lines += [f"  WARNING    {warning}" for warning in isolation.warnings]
    return "\n".join(lines)
