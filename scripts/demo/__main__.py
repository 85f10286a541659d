"""The main job from end to end: start Lambent, deploy, invoke, look at the bill and at three ways to fail; then what
events do by themselves."""

import base64
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "examples" / "thumbnails"))

import build  # noqa: E402 - the example's own build script
import calls  # noqa: E402
import deploy  # noqa: E402
import photos  # noqa: E402
import server  # noqa: E402

PHOTOS = sorted((ROOT / "examples" / "thumbnails" / "photos").glob("*.jpg"))
OUTPUT = ROOT / "demo-output"
FUNCTIONS = ("thumbnails", "thumbnails-cli")
WIDTH = 160
MEMORY_MB = 512
TIMEOUT_S = 20
ROUNDS = 3


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def check(so: bool, otherwise: str) -> None:
    """End the demo with exit status 1 unless it is so."""
    if not so:
        raise SystemExit(f"demo: {otherwise}")


def put(api: Any, url: str, runtime: str) -> None:
    """Deploy the example twice, by two clients."""
    package = build.build(runtime)
    say(f"deploying examples/thumbnails ({package.stat().st_size / 1e6:.1f} MB, {runtime}) with boto3")
    options = {"MemorySize": MEMORY_MB, "Timeout": TIMEOUT_S}
    deploy.with_boto3(api, FUNCTIONS[0], runtime, package.read_bytes(), **options)
    say("and once more with the AWS CLI")
    size = deploy.with_aws_cli(url, FUNCTIONS[1], runtime, package, memory_mb=MEMORY_MB, timeout_s=TIMEOUT_S)
    check(size == str(package.stat().st_size), f"the AWS CLI was told a CodeSize of {size}")


def invoke_all(api: Any) -> list[calls.Shown]:
    """Every photograph by both functions: first one after the other, then all at once."""
    one = partial(thumbnail, api)
    jobs = [(function, photo) for function in FUNCTIONS for photo in PHOTOS]
    sequence = [one(function, photo, "in sequence") for _ in range(ROUNDS) for function, photo in jobs]
    with ThreadPoolExecutor(len(jobs)) as threads:
        parallel = list(threads.map(lambda job: one(*job, "in parallel"), jobs))
    return sequence + parallel


def thumbnail(api: Any, function: str, photo: Path, how: str) -> calls.Shown:
    event = {"image": base64.b64encode(photo.read_bytes()).decode(), "width": WIDTH}
    shown = calls.call(api, function, event, photo.stem, how)
    check(not shown.error, f"{function} failed on {photo.name}: {shown.answer}\n{shown.log}")
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{function}-{photo.stem}.jpg").write_bytes(base64.b64decode(shown.answer["image"]))
    return shown


def fail_in_three_ways(api: Any, runtime: str, memory_is_limited: bool) -> None:
    """What a client sees when a function fails, takes too long, or takes too much memory."""
    text = base64.b64encode(b"a shopping list, not a picture").decode()
    shown = failure(api, FUNCTIONS[0], {"image": text, "width": WIDTH}, "failing: a text file sent as a picture")
    check(shown.answer["errorType"] == "UnidentifiedImageError", "that was not the expected error")
    deploy.with_boto3(api, "waiting", runtime, deploy.waiting_function(), Timeout=1)
    shown = failure(api, "waiting", {}, "timing out: a wait of 60 s with Timeout=1")
    check("timed out after 1.00 seconds" in shown.answer["errorMessage"], "that was not the expected error")
    if not memory_is_limited:
        say("out of memory: not shown, since this machine has no control groups for us to limit memory with")
        return
    huge = {"image": base64.b64encode(calls.huge_picture()).decode(), "width": WIDTH}
    shown = failure(api, FUNCTIONS[0], huge, f"out of memory: a PNG of 144 megapixels with MemorySize={MEMORY_MB}")
    check(shown.answer["errorType"] == "Runtime.OutOfMemory", "that was not the expected error")


def failure(api: Any, function: str, event: dict[str, Any], title: str) -> calls.Shown:
    """Make a call that is to fail, and print what the client saw of it."""
    say(title)
    shown = calls.call(api, function, event, "", "")
    print(f"  X-Amz-Function-Error: {shown.error}")
    for name, value in shown.answer.items():
        print(f"  {name}: {value}")
    print("  " + (shown.log.strip().splitlines() or ["no log"])[-1])
    check(shown.error == "Unhandled", f"the call did not fail:\n{shown.log}")
    return shown


def story(running: server.Server) -> None:
    print(running.log.read_text(), end="")
    print(f"accepting requests after {running.started_s:.2f} s")
    status = running.status()
    runtime = server.newest_python(status)
    api = deploy.client(running.url)
    put(api, running.url, runtime)
    say(f"{len(PHOTOS)} photographs, {len(FUNCTIONS)} functions, {ROUNDS} rounds, then all at once")
    shown = invoke_all(api)
    print(calls.table(shown))
    print(f"thumbnails are in {OUTPUT.relative_to(ROOT)}/")
    check(any(each.cold for each in shown) and any(not each.cold for each in shown), "no cold or no warm call was seen")
    fail_in_three_ways(api, runtime, memory_is_limited=status["isolation"]["cgroups"] != "none")
    again = thumbnail(api, FUNCTIONS[0], PHOTOS[0], "afterwards")
    say(f"and afterwards the same function works on: {again.answer['width']}x{again.answer['height']} pixels")


def second_story() -> None:
    """examples/photos on a server of its own, whose time need not be waited for."""
    say("examples/photos: bucket, function, bucket, topic, queue, function; a schedule and a rule in the night")
    running = server.Server("--clock", "virtual")
    try:
        shown = photos.Story(running.url, server.newest_python(running.status())).tell()
    except BaseException:
        print(running.log.read_text(), file=sys.stderr)
        raise
    finally:
        running.stop()
    check(shown.count("made, swept") == len(PHOTOS), "not every photograph went all the way")
    check("UnidentifiedImageError, 2 attempts" in shown, "nothing came to the queue of failures")
    shutil.rmtree(running.folder)


def leave_running(running: server.Server) -> None:
    exports = " ".join(f"{name}={value}" for name, value in deploy.KEYS.items())
    say(f"the server goes on; `kill {running.process.pid}` stops it, its log is {running.log}. In your shell:")
    print(f"export AWS_ENDPOINT_URL={running.url}\nexport {exports}")


def main() -> int:
    say("starting Lambent")
    running = server.Server()
    try:
        story(running)
        second_story()
        if os.environ.get("KEEP", "") not in ("", "0"):
            leave_running(running)
            return 0
    except BaseException:
        running.stop()
        print(running.log.read_text(), file=sys.stderr)
        raise
    say("stopping the server")
    status = running.stop()
    check(status == 0, f"the server ended with exit status {status}:\n{running.log.read_text()}")
    shutil.rmtree(running.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
