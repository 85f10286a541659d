"""Function URLs on a real server: what functions get and clients see, who may call, and streams."""

import base64
import configparser
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from real_server import PATIENCE_S, Function, Server, client, wait_until
from url_client import Url, send

from lambent.cli.main import main

FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues"

WEB = """
    import base64, json, urllib.request, os

    def handler(event, context):
        path = event["rawPath"]
        if path == "/fail":
            raise ValueError("secret")
        if path == "/malformed":
            return {"statusCode": "soon"}
        if path == "/picture":
            body = base64.b64encode(bytes(range(256))).decode()
            return {"statusCode": 200, "headers": {"Content-Type": "image/png"}, "body": body, "isBase64Encoded": True}
        if path == "/cookies":
            return {"statusCode": 302, "headers": {"Location": "/"}, "cookies": ["a=1; HttpOnly", "b=2"]}
        if path == "/inside":
            there = os.environ["AWS_ENDPOINT_URL"] + event["queryStringParameters"]["to"]
            with urllib.request.urlopen(there) as answer:
                return {"statusCode": answer.status, "body": answer.read().decode()}
        return {"event": event, "arn": context.invoked_function_arn, "id": context.aws_request_id}
"""

STREAM = """
    import json, os, time, urllib.request

    def handler(event, context):
        def plain():
            yield "one"
            tags = f"{os.environ['AWS_ENDPOINT_URL']}/2017-03-31/tags/{context.invoked_function_arn}"
            while context.get_remaining_time_in_millis() > 1000:
                with urllib.request.urlopen(tags) as answer:
                    if "go" in json.load(answer)["Tags"]:
                        break
                time.sleep(0.05)
            else:
                yield "nobody said go"
            yield "two"

        def http():
            head = {"statusCode": 202, "headers": {"Content-Type": "text/csv"}, "cookies": ["a=1"]}
            yield json.dumps(head) + 8 * chr(0)
            yield "a,b"

        def broken():
            yield "begun"
            raise ValueError("midway")

        if event["rawPath"] == "/whole":
            return {"statusCode": 201}
        if event["rawPath"] == "/fail":
            raise ValueError("at once")
        return {"/http": http, "/broken": broken}.get(event["rawPath"], plain)()
"""


NODE = """
    exports.handler = awslambda.streamifyResponse(async (event, stream) => {
        const head = { statusCode: 418, headers: { 'Content-Type': 'text/plain' }, cookies: ['a=1', 'b=2'] }
        stream = awslambda.HttpResponseStream.from(stream, head)
        stream.write(event.requestContext.http.method)
        stream.end()
    })
"""


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[Function]:
    function = server.deploy(WEB)
    yield function
    server.client.delete_function(FunctionName=function.name)


@pytest.fixture(scope="module")
def url(web: Function) -> Url:
    return Url(web).grant()


@pytest.fixture
def closed(deploy: Callable[..., Function]) -> Function:
    return deploy(WEB)


def document(heard: Any) -> Any:
    return json.loads(heard.body)


def test_a_request_arrives_as_an_event_and_its_answer_as_json(url: Url) -> None:
    heard = url.call(
        "POST", "/a%20b?x=1&x=2&y=%C3%A9", b'{"n": 1}',
        {"Content-Type": "application/json", "Cookie": "a=1; b=2", "X-Mine": "yes"},
    )  # fmt: skip

    assert (heard.status, heard.header("Content-Type")) == (200, "application/json")
    told = document(heard)
    event, context = told["event"], told["event"]["requestContext"]
    assert told["id"] == heard.header("x-amzn-RequestId") == context["requestId"]
    assert told["arn"].endswith(f":function:{url.function.name}")
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b", "x=1&x=2&y=%C3%A9")
    assert event["queryStringParameters"] == {"x": "1,2", "y": "é"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    assert event["headers"]["x-mine"] == "yes"
    assert context["http"] == {
        "method": "POST", "path": "/a%20b", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "",
    }  # fmt: skip
    assert (context["apiId"], context["accountId"]) == (url.id, "anonymous")
    assert context["domainName"] == url.host.partition(":")[0]
    assert str(heard.header("X-Amzn-Trace-Id")).startswith(event["headers"]["x-amzn-trace-id"])


def test_binary_bodies_go_through_in_both_directions(url: Url) -> None:
    data = bytes(range(256))
    told = document(url.call("PUT", "/", data, {"Content-Type": "image/png"}))
    assert (base64.b64decode(told["event"]["body"]), told["event"]["isBase64Encoded"]) == (data, True)

    heard = url.call("GET", "/picture")
    assert (heard.header("Content-Type"), heard.body) == ("image/png", data)


def test_redirects_cookies_head_and_options_are_the_functions_own(url: Url) -> None:
    heard = url.call("GET", "/cookies")
    assert (heard.status, heard.header("Location"), heard.body) == (302, "/", b"")
    assert [value for name, value in heard.headers if name == "Set-Cookie"] == ["a=1; HttpOnly", "b=2"]

    heard = url.call("HEAD", "/picture")
    assert (heard.status, heard.header("Content-Length"), heard.body) == (200, "256", b"")
    asked = url.call("OPTIONS", "/", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"})
    assert document(asked)["event"]["requestContext"]["http"]["method"] == "OPTIONS"


@pytest.mark.parametrize(
    ("path", "why"), [("/fail", "failed with ValueError"), ("/malformed", "statusCode is not a number from 200 to 599")]
)
def test_what_goes_wrong_in_a_function_is_a_bad_gateway_which_only_the_operator_can_explain(
    url: Url, path: str, why: str
) -> None:
    heard = url.call("GET", path)
    assert (heard.status, heard.body) == (502, b"Internal Server Error")

    def explained() -> bool:
        return why in url.server.get(f"/_lambent/explain/{heard.header('x-amzn-RequestId')}").decode()

    assert wait_until(explained)


def test_odd_clients_get_answers_too(url: Url) -> None:
    host = url.host.encode()

    def said(request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", url.server.port), PATIENCE_S) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    old = said(b"GET /_lambent/url/%b/old HTTP/1.0\r\n\r\n" % url.id.encode())
    assert old.startswith(b"HTTP/1.1 200 ")
    assert b'"rawPath":"/old"' in old
    loud = said(b"GET http://%b/loud HTTP/1.1\r\nHost: %b\r\n\r\n" % (host, host.upper()))
    assert b'"rawPath":"/loud"' in loud
    chunked = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" % host
    both = said((chunked + b"3\r\nabc\r\n0\r\n\r\n") * 2)
    assert (both.count(b"HTTP/1.1 200 "), both.count(b'"body":"abc"')) == (2, 2)
    offer = said(b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" % host)
    assert offer.startswith(b"HTTP/1.1 200 ")
    assert b'"upgrade"' not in offer


def test_more_than_an_event_can_hold_is_refused_and_the_connection_goes_on(url: Url) -> None:
    heard = url.call("POST", "/", b"x" * 6_300_000, {"Content-Type": "text/plain"})
    assert (heard.status, heard.header("x-amzn-ErrorType")) == (413, "RequestEntityTooLargeException")
    assert url.call().status == 200


def test_unknown_urls_and_other_regions_are_denied(url: Url) -> None:
    for host in ("nobody.lambda-url.us-east-1.localhost", url.host.replace("us-east-1", "eu-west-1")):
        heard = url.call(headers={"Host": host})
        assert (heard.status, heard.body) == (403, b'{"Message":null}')
        assert heard.header("x-amzn-ErrorType") == "AccessDeniedException"


def test_the_path_form_needs_no_name_and_works_inside_functions_too(url: Url) -> None:
    heard = url.call("GET", f"/_lambent/url/{url.id}/x?y=1", headers={"Host": "localhost"})
    event = document(heard)["event"]
    assert (event["rawPath"], event["rawQueryString"]) == ("/x", "y=1")

    heard = url.call("GET", f"/inside?to=/_lambent/url/{url.id}/from-a-function")
    assert document(heard)["event"]["rawPath"] == "/from-a-function"


def test_browsers_of_other_origins_are_answered_by_the_service(url: Url) -> None:
    client, name = url.server.client, url.function.name
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60}
    client.update_function_url_config(FunctionName=name, Cors=cors)
    try:
        asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        heard = url.call("OPTIONS", "/", headers=asks)
        assert (heard.status, heard.body) == (200, b"")
        assert (heard.header("Access-Control-Allow-Methods"), heard.header("Access-Control-Max-Age")) == ("GET", "60")
        heard = url.call(headers={"Origin": "https://a.example"})
        assert heard.header("Access-Control-Allow-Origin") == "https://a.example"
        assert url.call(headers={"Origin": "https://b.example"}).header("Access-Control-Allow-Origin") is None
    finally:
        client.update_function_url_config(FunctionName=name, Cors={})


def test_nobody_gets_in_until_both_permissions_are_there_nor_after_one_is_gone(closed: Function) -> None:
    url, client = Url(closed), closed.server.client

    def refused() -> bool:
        heard = url.call()
        return heard.status == 403 and FORBIDDEN in heard.body.decode()

    assert refused()
    url.grant()
    assert url.call().status == 200
    client.remove_permission(FunctionName=closed.name, StatementId="s-NONE-")
    assert refused()


def test_a_url_of_an_alias_calls_its_version_and_needs_a_permission_of_its_own(closed: Function) -> None:
    client = closed.server.client
    version = client.publish_version(FunctionName=closed.name)["Version"]
    wait_until(
        lambda: client.get_function(FunctionName=closed.name, Qualifier=version)["Configuration"]["State"] == "Active"
    )
    client.create_alias(FunctionName=closed.name, Name="live", FunctionVersion=version)
    Url(closed).grant()
    url = Url(closed, Qualifier="live")

    assert url.call().status == 403
    url.grant()
    assert document(url.call())["arn"].endswith(f":function:{closed.name}:live")
    client.delete_alias(FunctionName=closed.name, Name="live")
    assert url.call().body == b'{"Message":null}'


def test_with_aws_iam_only_signed_requests_get_in_and_functions_learn_who_signed(closed: Function) -> None:
    url = Url(closed, "AWS_IAM")
    key = json.loads(send(url.server, "POST", "/_lambent/keys", b'{"user": "ada"}'))
    ada = {"key": key["access_key"], "secret": key["secret"]}

    for headers in ({}, {"Authorization": "Bearer abc"}, url.signed(service="s3"), url.signed(region="eu-west-1")):
        assert url.call(headers=headers).status == 403
    heard = url.call("POST", "/x?a=1", b"{}", url.signed("POST", "/x?a=1", b"{}", **ada))
    assert heard.status == 200, heard.body
    event = document(heard)["event"]
    who = event["requestContext"]["authorizer"]["iam"]
    assert who["userArn"] == "arn:aws:iam::000000000000:user/ada"
    assert (who["accessKey"], who["accountId"]) == (key["access_key"], "000000000000")
    assert event["requestContext"]["accountId"] == "000000000000"
    assert "authorization" not in event["headers"]

    forged = url.call("POST", "/x?a=2", b"{}", url.signed("POST", "/x?a=1", b"{}", **ada))
    assert (forged.status, forged.header("x-amzn-ErrorType")) == (403, "InvalidSignatureException")
    assert "signature we calculated does not match" in forged.body.decode()
    url.server.client.update_function_url_config(FunctionName=closed.name, AuthType="NONE")
    assert url.call(headers=url.signed(**ada)).status == 403  # an account's own right is no public permission
    send(url.server, "DELETE", f"/_lambent/keys/{key['access_key']}")


def test_another_account_needs_both_permissions_though_it_signs(closed: Function) -> None:
    url = Url(closed, "AWS_IAM")
    stranger = {"key": "111122223333", "secret": "any"}

    assert FORBIDDEN in url.call(headers=url.signed(**stranger)).body.decode()
    url.grant("111122223333")
    event = document(url.call(headers=url.signed(**stranger)))["event"]
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == "111122223333"
    assert FORBIDDEN in url.call(headers=url.signed(key="444455556666")).body.decode()


def test_a_throttled_request_is_told_when_to_come_again(closed: Function) -> None:
    url = Url(closed).grant()
    url.server.client.put_function_concurrency(FunctionName=closed.name, ReservedConcurrentExecutions=0)

    heard = url.call()
    assert (heard.status, heard.header("x-amzn-ErrorType")) == (429, "TooManyRequestsException")
    assert document(heard)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert int(str(heard.header("Retry-After"))) >= 1


@pytest.fixture(scope="module")
def stream(server: Server) -> Iterator[Url]:
    function = server.deploy(STREAM, Environment={"Variables": {"LAMBENT_PYTHON_STREAMING": "1"}})
    yield Url(function, InvokeMode="RESPONSE_STREAM").grant()
    server.client.delete_function(FunctionName=function.name)


def test_a_streamed_response_begins_before_its_function_has_ended(stream: Url) -> None:
    with stream.open() as response:
        assert (response.status, response.getheader("Transfer-Encoding")) == (200, "chunked")
        assert response.getheader("Content-Type") == "application/octet-stream"
        assert response.read1(3) == b"one"
        name = stream.function.name
        arn = stream.server.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        stream.server.client.tag_resource(Resource=arn, Tags={"go": "yes"})
        assert response.read() == b"two"
    with stream.open() as response:  # a client that leaves ends no function, and harms nobody
        assert response.read1(1) == b"o"
    assert stream.call(path="/http").status == 202


def test_the_metadata_of_a_stream_is_the_head_of_its_response(stream: Url) -> None:
    heard = stream.call(path="/http")
    assert (heard.status, heard.body) == (202, b"a,b")
    assert (heard.header("Content-Type"), heard.header("Set-Cookie")) == ("text/csv", "a=1")


def test_a_function_that_does_not_stream_answers_in_one_piece_as_it_is(stream: Url) -> None:
    assert (stream.call(path="/whole").status, document(stream.call(path="/whole"))) == (200, {"statusCode": 201})


def test_a_stream_that_fails_is_a_bad_gateway_or_breaks_off(stream: Url) -> None:
    heard = stream.call(path="/fail")
    assert (heard.status, heard.body) == (502, b"Internal Server Error")
    with stream.open(path="/broken") as response, pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"begun"


def test_node_functions_stream_as_on_aws_and_are_understood_without_streaming_too(
    server: Server, deploy: Callable[..., Function]
) -> None:
    runtimes = [each["name"] for each in server.status()["runtimes"] if each["kind"] == "node"]
    if not runtimes:
        pytest.skip("no Node.js here")
    function = deploy({"index.js": NODE}, Runtime=runtimes[-1], Handler="index.handler")
    url = Url(function, InvokeMode="RESPONSE_STREAM").grant()

    for mode in ("RESPONSE_STREAM", "BUFFERED"):
        server.client.update_function_url_config(FunctionName=function.name, InvokeMode=mode)
        heard = url.call("PATCH")
        assert (heard.status, heard.header("Content-Type"), heard.body) == (418, "text/plain", b"PATCH")
        assert [value for name, value in heard.headers if name == "Set-Cookie"] == ["a=1", "b=2"]


def test_the_command_gives_a_function_an_address_changes_it_and_takes_it_away(
    closed: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    def url(*words: str) -> tuple[int, str, str]:
        status = main(["url", closed.name, *words, "--endpoint-url", closed.server.endpoint])
        said = capsys.readouterr()
        return status, said.out.strip(), said.err

    def call(address: str, **headers: str) -> int:
        known = Url.__new__(Url)
        known.server, known.host = closed.server, address.removeprefix("http://").rstrip("/")
        return known.call(headers=headers).status

    status, out, err = url()
    assert (status, out) == (1, "")
    assert f"lambent url {closed.name} --public" in err
    status, address, err = url("--public", "--cors", "https://a.example")
    assert (status, call(address)) == (0, 200)
    assert f"{closed.server.endpoint}/_lambent/url/" in err
    assert url()[:2] == (0, address)
    status, same, err = url("--iam", "--stream")
    assert (status, same, call(address)) == (0, address, 403)
    assert "signed requests (AWS_IAM), streamed" in err
    assert url("--public")[0] == 0
    assert call(address) == 200
    assert url("--delete")[0] == 0
    assert call(address) == 403
    assert url("--stream")[0] == 1
    assert main(["url", "nobody", "--public", "--endpoint-url", closed.server.endpoint]) == 1
    assert "Function does not exist" in capsys.readouterr().err


def test_where_authentication_is_required_public_urls_stay_open_and_others_take_known_keys_only(
    server: Server, serve: Callable[..., Server]
) -> None:
    guarded = serve("--auth")
    file = configparser.ConfigParser()
    file.read(guarded.data / "credentials")
    first = file["default"]
    key, secret = first["aws_access_key_id"], first["aws_secret_access_key"]
    guarded.client = client(guarded.endpoint, key, secret=secret)
    url = Url(guarded.deploy(WEB, Runtime=server.runtime)).grant()
    path = f"/_lambent/url/{url.id}/"

    assert url.call().status == url.call(path=path, headers={"Host": "localhost"}).status == 200
    assert url.call(path="/_lambent/status", headers={"Host": "localhost"}).status == 403
    guarded.client.update_function_url_config(FunctionName=url.function.name, AuthType="AWS_IAM")
    assert FORBIDDEN in url.call().body.decode()
    unknown = url.call(headers=url.signed(key="000000000000"))
    assert (unknown.status, unknown.header("x-amzn-ErrorType")) == (403, "UnrecognizedClientException")
    assert (
        url.call(headers=url.signed(key=key, secret="wrong")).header("x-amzn-ErrorType") == "InvalidSignatureException"
    )
    event = document(url.call(headers=url.signed(key=key, secret=secret)))["event"]
    assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == key
