"""guest/ruby in a child process of the Ruby on this machine."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from guest_process import ERROR, GUEST, INIT_ERROR, READY, RESULT, Gone, GuestProcess

RUBY = shutil.which("ruby")
ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
Start = Callable[..., GuestProcess]


@pytest.fixture(autouse=True)
def _ruby() -> None:
    if RUBY is None and os.environ.get("CI") == "true":
        pytest.fail("ruby is not installed; scripts/install should have done that in CI")
    if RUBY is None:
        pytest.skip("ruby is not installed")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a guest whose package has this app.rb, and maybe more files."""
    started: list[GuestProcess] = []

    def begin(source: str, **files: str) -> GuestProcess:
        for name, text in {"task/app.rb": source, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        environ = {
            "PATH": os.environ["PATH"],
            "AWS_EXECUTION_ENV": "AWS_Lambda_ruby3.4",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "RUBYLIB": f"{tmp_path}/task:{tmp_path}/opt/ruby/lib",
        }
        guest = GuestProcess([str(RUBY), str(GUEST / "ruby" / "main.rb")], tmp_path / "task", environ)
        started.append(guest)
        return guest

    yield begin
    for guest in started:
        guest.close()


def ready(guest: GuestProcess, handler: str = "app.handler", **changes: object) -> GuestProcess:
    frame = guest.init(handler, **changes)
    assert frame.kind == READY, frame
    return guest


def test_event_and_context_reach_a_handler_and_its_answer_goes_back(start: Start) -> None:
    guest = ready(start("def handler(event:, context:) = { event: event, name: context.function_name }"))
    for event in ({"n": [1, 2.5, None, "é"]}, "text", 7, None):
        frame = guest.invoke(event)
        assert (frame.kind, frame.value) == (RESULT, {"event": event, "name": "f"})


def test_the_context_has_what_aws_gives_it(start: Start) -> None:
    source = """
        def handler(event:, context:)
          left = context.get_remaining_time_in_millis
          [context.aws_request_id, context.invoked_function_arn, context.memory_limit_in_mb, context.function_version,
           context.log_group_name, context.log_stream_name, left > 0 && left <= context.deadline_ms,
           context.client_context, context.identity, ENV['_X_AMZN_TRACE_ID']]
        end
    """
    frame = ready(start(source)).invoke(context='{"custom": {"a": 1}}', identity={"cognitoIdentityId": "i"}, trace="t")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    fixed = [ID, arn, "128", "$LATEST", "/aws/lambda/f", "stream", True]
    assert frame.value == [*fixed, {"custom": {"a": 1}}, {"cognitoIdentityId": "i"}, "t"]


def test_a_handler_may_be_a_method_of_a_module(start: Start) -> None:
    source = "module Shop\n  class Till\n    def self.open(event:, context:) = event * 2\n  end\nend"
    assert ready(start(source), "app.Shop::Till.open").invoke(21).value == 42


def test_an_error_is_told_with_the_functions_own_frames(start: Start) -> None:
    guest = ready(start("def handler(event:, context:)\n  raise ArgumentError, 'bad'\nend"))
    frame = guest.invoke()
    assert (frame.kind, frame.meta["type"]) == (ERROR, "Function<ArgumentError>")
    assert frame.value["errorMessage"] == "bad"
    (line,) = frame.value["stackTrace"]
    assert line.startswith(f"{guest.task_root}/app.rb:2:in ")
    assert guest.invoke().kind == ERROR  # the environment lives on
    assert guest.logs().count("Error raised from handler method\r{") == 2


def test_a_method_that_is_missing_is_an_error_of_the_call(start: Start) -> None:
    assert ready(start("x = 1")).invoke().value["errorType"] == "Function<NoMethodError>"


def test_what_cannot_be_json_is_an_error_of_the_call(start: Start) -> None:
    source = "def handler(event:, context:)\n  a = []\n  a << a\nend"
    assert ready(start(source)).invoke().value["errorType"] == "Function<JSON::NestingError>"


@pytest.mark.parametrize(
    ("source", "handler", "kind"),
    [
        ("require 'nowhere'", "app.handler", "Init<LoadError>"),
        ("def (", "app.handler", "Init<SyntaxError>"),
        ("raise 'no'", "app.handler", "Init<RuntimeError>"),
        ("x = 1", "nowhere.handler", "Init<LoadError>"),
        ("x = 1", "handler", "Init<ArgumentError>"),
    ],
)
def test_what_cannot_be_loaded_fails_init(start: Start, source: str, handler: str, kind: str) -> None:
    guest = start(source)
    frame = guest.init(handler)
    assert (frame.kind, frame.value["errorType"]) == (INIT_ERROR, kind)
    assert guest.exit_status() == 254
    assert "Init error when loading handler" in guest.logs()


def test_leaving_the_process_is_answered_first(start: Start) -> None:
    guest = ready(start("def handler(event:, context:) = exit(3)"))
    frame = guest.invoke()
    assert (frame.kind, frame.value["errorType"], frame.meta["last"]) == (ERROR, "Function<SystemExit>", True)
    assert guest.exit_status() == 3


def test_dying_without_a_word_closes_the_channel(start: Start) -> None:
    guest = ready(start("def handler(event:, context:) = exit!(4)"))
    with pytest.raises(Gone):
        guest.invoke()


def test_loggers_name_the_request_and_a_record_is_one_line(start: Start) -> None:
    source = """
        require 'logger'
        LOGGER = Logger.new($stdout)
        def handler(event:, context:)
          LOGGER.warn("two\\nlines")
          puts 'printed'
        end
    """
    guest = ready(start(source))
    assert guest.invoke().value is None
    warned, printed = guest.logs().splitlines()[0].partition("\r")[0], guest.logs().split("\n")[1]
    assert warned.startswith("W, [")
    assert warned.endswith(f"WARN {ID} -- : two")
    assert printed == "printed"


def test_libraries_and_gems_of_layers_are_found(start: Start, tmp_path: Path) -> None:
    gem = tmp_path / "opt/ruby/gems/3.4.0"
    specification = (
        "Gem::Specification.new { |s| s.name = 'pearl'; s.version = '1.2'; s.summary = ''; s.authors = [''] }"
    )
    guest = start(
        "require 'shared'\nrequire 'pearl'\ndef handler(event:, context:) = [SHARED, PEARL]",
        **{
            "opt/ruby/lib/shared.rb": "SHARED = 'of the layer'",
            "opt/ruby/gems/3.4.0/specifications/pearl-1.2.gemspec": specification,
            "opt/ruby/gems/3.4.0/gems/pearl-1.2/lib/pearl.rb": "PEARL = 'a gem'",
        },
    )
    assert ready(guest, environ={"GEM_PATH": str(gem)}).invoke().value == ["of the layer", "a gem"]


def test_variables_that_ruby_reads_at_its_start_count(start: Start) -> None:
    source = "def handler(event:, context:) = [$VERBOSE, ENV.fetch('RUBYOPT'), ENV.key?('PYTHONPATH')]"
    guest = ready(start(source), environ={"RUBYOPT": "-w"})
    assert guest.invoke().value == [True, "-w", False]


def test_a_wrapper_executes_the_runtime_and_what_it_changes_counts(start: Start, tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\nexport WRAPPED=yes _HANDLER=app.other\nexec "$@"\n')
    wrapper.chmod(0o755)
    source = "def other(event:, context:) = [event, ENV['WRAPPED'], ENV.keys.grep(/LAMBENT/)]"
    assert ready(start(source), exec_wrapper=str(wrapper)).invoke(1).value == [1, "yes", []]
    missing = start(source)
    with pytest.raises(Gone):
        missing.init("app.other", exec_wrapper=str(tmp_path / "nothing"))
    assert missing.exit_status() == 127


def test_a_large_answer_goes_through_whole(start: Start) -> None:
    value = ready(start("def handler(event:, context:) = 'é' * event")).invoke(1_000_000).body
    assert json.loads(value) == "é" * 1_000_000
