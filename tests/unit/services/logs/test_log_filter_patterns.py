"""Filter patterns, by the examples of CloudWatch Logs' User Guide ("Filter pattern syntax") and by what AWS refuses."""

import json

import pytest

from lambent.errors import AwsError
from lambent.services.logs.expressions import Expression
from lambent.services.logs.filter_patterns import compile_filter

EVENT = json.dumps(
    {
        "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": None, "ThisFlag": True,
        "bandwidth": 75.5, "user": {"id": "1", "email address": "x@y"}, "errorCode": 400,
    }
)  # fmt: skip
REQUEST = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
FIELDS = "[ip, server, username, timestamp, request, status_code, bytes]"


@pytest.mark.parametrize(
    ("pattern", "message", "meant"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "[error 400] BAD REQUEST", False),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", True),
        ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", False),
        ("?ERROR ?ARGUMENTS", "INVALID ARGUMENTS", True),
        ("?ERROR ?ARGUMENTS", "FINE", False),
        ("?ERROR ?WARN REQUEST", "a REQUEST", True),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] SERVER INTERNAL ERROR", False),
        ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", False),
        ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", True),
        ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        ("%^[a-f0-9]+$%", "cafe01", True),
        ("%^[a-f0-9]+$%", "cafe 01", False),
        ("%colou?r|grey%", "a grey cat", True),
        (r"%10\.10\.0\.1%", "10a10.0.1", False),
        ('{ $.eventType = "UpdateTrail" }', EVENT, True),
        ('{ $.eventType = "Update*" }', EVENT, True),
        ('{ $.eventType = "*Created" }', EVENT, False),
        ('{ $.sourceIPAddress != "123.123.*" }', EVENT, True),
        ('{ $.arrayKey[0] = "value" }', EVENT, True),
        ("{ $.objectList[1].id = 2 }", EVENT, True),
        ("{ $.objectList[2].id = 2 }", EVENT, False),
        ("{ $.eventType = %Trail$% }", EVENT, True),
        ("{ $.SomeObject IS NULL }", EVENT, True),
        ("{ $.SomeOtherObject IS NULL }", EVENT, False),
        ("{ $.SomeOtherObject NOT EXISTS }", EVENT, True),
        ("{ $.ThisFlag IS TRUE }", EVENT, True),
        ("{ $.ThisFlag IS FALSE }", EVENT, False),
        ("{ $.bandwidth > 75 }", EVENT, True),
        ("{ $.bandwidth <= 7.5e1 }", EVENT, False),
        ('{ $.user["email address"] = "x@y" }', EVENT, True),
        ('{ ($.user.id = 1) && ($.eventType = "x" || $.errorCode = 400) }', EVENT, True),
        ('{ $.user.id = 1 && $.eventType = "x" || $.errorCode = 4* }', EVENT, True),
        ('{ $.missing != "x" }', EVENT, False),
        ("{ $.a = 1 }", "not JSON", False),
        (FIELDS, REQUEST, True),
        ("[ip, server, username, timestamp, request, status_code = 4*, bytes]", REQUEST, True),
        ("[..., status_code = 4*, bytes > 2000]", REQUEST, False),
        ("[ip = %127\\.0\\.0\\.[1-9]%, ...]", REQUEST, True),
        ("[ip, server, ..., status_code != 404 && status_code != 410, bytes]", REQUEST, False),
        ("[w1 = ERROR || w1 = WARN, w2]", "WARN it", True),
        ("[w1, w2]", "one two three", False),
        ("[]", "one", False),
    ],
)
def test_a_pattern_means_what_the_user_guide_says(pattern, message, meant):
    compiled = compile_filter(pattern)
    assert compiled.matches(message) is meant
    if meant and compiled.needles:
        assert any(needle in message for needle in compiled.needles)


@pytest.mark.parametrize(
    ("pattern", "needles"),
    [
        ('ERROR "a longer one" -without', ["a longer one"]),
        ("?one ?%t[ow]+ways%", ["one", "ways"]),
        ("?one ?%[0-9]%", []),
        ("-without", []),
        (r"%ab?cd+e|\.\.x%", ["cd", "..x"]),
        ('{ $.a = "x y" && $.b > 3 }', ["x y", "\\u"]),
        ('{ $.a = "x y" || $.b > 3 }', []),
        ('{ $.a = "x/y" }', []),  # in JSON the slash may have a backslash before it
        ("{ $.a = 400 && $.b = 4* && $.c != x }", []),
        ('[a, b = "GET /", c = 404]', ["GET /"]),
    ],
)
def test_a_pattern_knows_what_is_in_each_message_that_it_means(pattern, needles):
    assert compile_filter(pattern).needles == tuple(needles)


def test_the_values_that_a_pattern_names_are_given():
    assert compile_filter(FIELDS).extract(REQUEST) == {
        "$ip": "127.0.0.1", "$server": "Prod", "$username": "frank", "$timestamp": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0", "$status_code": "404", "$bytes": "1534",
    }  # fmt: skip
    assert compile_filter("{ $.user.id = 1 || $.nothing = 1 }").extract(EVENT) == {"$.user.id": "1"}
    assert compile_filter("[first, ..., last]").extract("a b c") == {"$first": "a", "$2": "b", "$last": "c"}


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a = 1", "{ $.a }", "{ $.a ~ 1 }", "{ ($.a = 1 }", "[a, b", "[..., a, ...]", "[a = 1 && b = 2]", '"open',
     "%a(b)%", "%a!b%", "{ $.a > x }", "{ $.a IS ODD }", "{ " + "(" * 200 + "$.a = 1" + ")" * 200 + " }"],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(AwsError) as caught:
        compile_filter(pattern)
    assert (caught.value.code, caught.value.message) == ("InvalidParameterException", "Invalid filter pattern")


def test_a_term_with_other_characters_wants_quotes():
    with pytest.raises(AwsError, match=r"Invalid character\(s\) in term '<a>'"):
        compile_filter("<a>")
    assert compile_filter('"<a>"').matches("an <a> here")


def test_an_expression_takes_each_character_once_whatever_it_is():
    """What takes `re` hours: every way to share the characters out between the stars."""
    expression = Expression("a*" * 30 + "b")
    assert not expression.search("a" * 20_000)
    assert expression.search("a" * 20_000 + "b")
