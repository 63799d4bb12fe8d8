"""Lines that are no events, one of each kind, with the reason code of their refusal.

`BAD` is a list of (id, line, reason), for the default settings (`spec = "segment"`, `max_event_bytes = "32KiB"`). No line has a
line feed in it, nor ends with a carriage return, and none is blank, so they can be joined with `b"\\n"`; some begin with a byte
order mark, so something else goes first. `good(n)` is an event to go between them.

Not a package: a test loads it by path, `runpy.run_path("tests/corpus/bad_lines.py")["BAD"]`.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 32 * 1024


def good(number: int) -> bytes:
    """A valid event, different for each number; some with text beyond ASCII."""
    return (
        b'{"type":"track","event":"Order Completed","messageId":"good-%d","userId":"u-1","anonymousId":null,'
        b'"timestamp":"2026-11-22T15:01:06.423Z","properties":{"revenue":9.50,"title":"%s"},"integrations":{"All":true}}'
    ) % (number, "Zoë — 美咲 😀".encode() if number % 3 else b"plain")


def _event(rest: str, base: str = '"type":"track","event":"Viewed","userId":"u-1"') -> bytes:
    return ("{" + base + "," + rest + "}").encode()


_WHOLE = good(1)
_DEEP = MAX_EVENT_BYTES // 2 - 100


def _truncated() -> list[tuple[str, bytes, str]]:
    cuts = {
        "after the brace": 1,
        "in the first key": 4,
        "before the colon": 7,
        "after the colon": 8,
        "in the type": 12,
        "after the first value": 15,
        "after the first comma": 16,
        "in the event": 30,
        "in null": _WHOLE.index(b"null") + 2,
        "in a number": _WHOLE.index(b"9.50") + 2,
        "in nested text": _WHOLE.index("ë".encode()) + 2,
        "after the nested object": _WHOLE.index(b',"integrations"'),
        "before the last brace": len(_WHOLE) - 1,
    }
    return [(f"truncated {where}", _WHOLE[:cut], "not_json") for where, cut in cuts.items()] + [
        ("truncated in a character", _WHOLE[: _WHOLE.index("ë".encode()) + 1], "not_utf8"),
        ("only the end of a line", _WHOLE[40:], "not_json"),
    ]


def _not_utf8() -> list[tuple[str, bytes, str]]:
    sequences = {
        "latin-1": b"Zo\xeb",
        "lone continuation": b"\x80",
        "overlong slash": b"\xc0\xaf",
        "overlong NUL": b"\xc0\x80",
        "overlong three bytes": b"\xe0\x80\xaf",
        "overlong four bytes": b"\xf0\x80\x80\xaf",
        "high surrogate": b"\xed\xa0\x80",
        "low surrogate": b"\xed\xb0\x80",
        "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
        "beyond Unicode": b"\xf4\x90\x80\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80",
        "FE and FF": b"\xfe\xff",
        "missing continuation": b"\xe2\x82",
    }
    bad = [
        (f"{name} in a property", _event('"properties":{"a":"@"}').replace(b"@", bytes_), "not_utf8")
        for name, bytes_ in sequences.items()
    ]
    return [
        *bad,
        ("lone continuation in an id", _event('"messageId":"@"').replace(b"@", b"\x80"), "not_utf8"),
        ("lone continuation in a key", _event('"properties":{"@":1}').replace(b"@", b"\x80"), "not_utf8"),
        ("lone continuation in a field nobody reads", _event('"x":"@"').replace(b"@", b"\x80"), "not_utf8"),
        ("lone continuation outside of strings", _WHOLE + b"\x80", "not_utf8"),
        ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\x4a\x54\xb2\x32\xac\x05\x00", "not_utf8"),
        ("UTF-16 with its mark", _WHOLE.decode().encode("utf-16"), "not_utf8"),
    ]


def _not_json() -> list[tuple[str, bytes, str]]:
    values = {
        "NaN": "NaN",
        "Infinity": "Infinity",
        "minus Infinity": "-Infinity",
        "hexadecimal": "0x10",
        "leading zero": "01",
        "plus sign": "+1",
        "point without digits after": "1.",
        "point without digits before": ".5",
        "exponent without digits": "1e",
        "minus alone": "-",
        "digits with underscore": "1_000",
        "single quotes": "'a'",
        "bare word": "abc",
        "True": "True",
        "None": "None",
        "undefined": "undefined",
        "half a true": "tru",
        "backquotes": "`a`",
        "trailing comma in a list": "[1,]",
        "two commas": "[1,,2]",
        "list closed as an object": "[1}",
        "missing comma in a list": "[1 2]",
        "no value": "",
        "unknown escape": r'"\q"',
        "octal escape": r'"\012"',
        "hexadecimal escape": r'"\x41"',
        "short unicode escape": r'"\u12"',
        "unicode escape with a bad digit": r'"\u12G4"',
        "lone high surrogate escape": r'"\ud83d"',
        "lone low surrogate escape": r'"\ude00"',
        "two high surrogate escapes": r'"\ud83d\ud83d"',
        "unterminated string": '"a',
        "NUL in a string": '"a\0b"',
        "tab in a string": '"a\tb"',
        "carriage return in a string": '"a\rb"',
        "escape character in a string": '"\x1b[0m"',
        "comment": "/* a */ 1",
        "line comment": "1 // a",
    }
    whole = _WHOLE.decode()
    lines = {
        "trailing comma": whole[:-1] + ",}",
        "missing comma": whole.replace(",", " ", 1),
        "missing colon": whole.replace(":", " ", 1),
        "semicolons": whole.replace(",", ";"),
        "unquoted key": whole.replace('"type"', "type"),
        "single-quoted key": whole.replace('"type"', "'type'"),
        "number as a key": whole.replace('"type"', "1"),
        "two events on a line": whole + whole,
        "two events with a space": whole + " " + whole,
        "two events with a comma": whole + "," + whole,
        "event with a comma after it": whole + ",",
        "event with text after it": whole + " # done",
        "event with a brace too many": whole + "}",
        "event with NUL after it": whole + "\0",
        "event with a no-break space after it": whole + "\u00a0",
        "event with a form feed before it": "\f" + whole,
        "event after a byte order mark": "\ufeff" + whole,
        "event after two byte order marks": "\ufeff\ufeff" + whole,
        "NULs": "\0" * 100,
        "record separator (JSON text sequence)": "\x1e" + whole,
        "length before it": f"{len(whole)} {whole}",
        "server-sent event": "data: " + whole,
        "syslog line": "<34>1 2026-11-22T15:01:06Z shop app - - - " + whole,
        "HTTP request": "POST /v1/track HTTP/1.1",
        "HTTP header": "Content-Type: application/json",
        "CSV": "track,Order Completed,u-1,2026-11-22",
        "query string": "type=track&event=Viewed&userId=u-1",
        "XML": "<event type='track'/>",
        "YAML": "- type: track",
        "comment line": "# nothing to see",
        "text": "hello",
        "JavaScript call": f"analytics.track({whole})",
        "escaped twice": whole.replace('"', '\\"'),
        "UTF-16 without a mark": whole[:20].encode("utf-16-le").decode("latin-1"),
        "bracket": "[",
        "quote": '"',
    }
    return [
        *(
            (f"{name} as a value", _event(f'"properties":{{"a":{value}}}'), "not_json")
            for name, value in values.items()
        ),
        *((name, line.encode(), "not_json") for name, line in lines.items()),
        ("surrogate escape in an id", _event(r'"messageId":"\ud800"'), "not_json"),
        ("surrogate escape in a key", _event(r'"context":{"\ud800":1}'), "not_json"),
    ]


def _not_object() -> list[tuple[str, bytes, str]]:
    values = {
        "list": b"[1,2]",
        "list of an event": b"[" + _WHOLE + b"]",
        "empty list": b"[]",
        "string": b'"track"',
        "number": b"42",
        "number beyond floats": b"1e999",
        "true": b"true",
        "null": b"null",
    }
    return [(name, line, "not_object") for name, line in values.items()]


def _too_much() -> list[tuple[str, bytes, str]]:
    long = _event('"properties":{"a":"@"}')
    return [
        ("one byte over the limit", long.replace(b"@", b"x" * (MAX_EVENT_BYTES + 2 - len(long))), "too_large"),
        ("a megabyte", _event(f'"properties":{{"a":"{"x" * 1_000_000}"}}'), "too_large"),
        ("a megabyte of no JSON", b"\xff" * 1_000_000, "too_large"),
        ("depth 513", _event(f'"properties":{{"a":{"[" * 511}{"]" * 511}}}'), "too_deep"),
        ("depth 10 000 of lists", _event(f'"properties":{{"a":{"[" * 10_000}{"]" * 10_000}}}'), "too_deep"),
        ("depth 5 000 of objects", _event('"properties":{' + '"":{' * 5000 + "}" * 5001), "too_deep"),
        ("depth 10 000, never closed", b"[" * 10_000, "too_deep"),
        ("as many brackets as fit", b"[" * MAX_EVENT_BYTES, "too_deep"),
        ("deep in a field nobody reads", _event(f'"x":{"[" * _DEEP}{"]" * _DEEP}'), "too_deep"),
    ]


def _wrong_types() -> list[tuple[str, bytes, str]]:
    kinds = {
        "number": "1",
        "huge number": "1" * 400,
        "number beyond floats": "1e999",
        "bool": "true",
        "list": '["a"]',
        "object": '{"a":1}',
    }
    bad: list[tuple[str, bytes, str]] = []
    for field, reason in {
        "messageId": "message_id_not_string",
        "userId": "id_not_string",
        "anonymousId": "id_not_string",
        "groupId": "id_not_string",
        "previousId": "id_not_string",
        "event": "event_not_string",
        "name": "name_not_string",
        "category": "category_not_string",
        "timestamp": "timestamp_not_string",
        "originalTimestamp": "timestamp_not_string",
        "sentAt": "timestamp_not_string",
        "receivedAt": "timestamp_not_string",
    }.items():
        base = ",".join(part for part in ('"type":"track"', '"event":"V"', '"userId":"u"') if f'"{field}"' not in part)
        bad += [(f"{field}: {kind}", _event(f'"{field}":{value}', base), reason) for kind, value in kinds.items()]
    for field in ("properties", "traits", "context", "integrations"):
        for kind, value in {**kinds, "string": '"a"'}.items():
            if kind != "object":
                bad.append((f"{field}: {kind}", _event(f'"{field}":{value}'), f"{field}_not_object"))
    for kind, value in {**kinds, "null": "null"}.items():
        bad.append((f"type: {kind}", _event(f'"type":{value}', '"userId":"u"'), "type_not_string"))
    return bad


def _broken_rules() -> list[tuple[str, bytes, str]]:
    user = '"userId":"u"'
    lines = {
        "empty object": ("{}", "type_not_defined"),
        "no type": ("{" + user + ',"event":"V"}', "type_not_defined"),
        "type under another name": ('{"action":"track","event":"V",' + user + "}", "type_not_defined"),
        "type in another case": ('{"Type":"track","event":"V",' + user + "}", "type_not_defined"),
        "unknown type": ('{"type":"purchase",' + user + "}", "type_unknown"),
        "type in capitals": ('{"type":"Track","event":"V",' + user + "}", "type_unknown"),
        "type with a space": ('{"type":"track ","event":"V",' + user + "}", "type_unknown"),
        "empty type": ('{"type":"",' + user + "}", "type_unknown"),
        "batch": ('{"type":"batch","batch":[]}', "type_unknown"),
        "no ids": ('{"type":"track","event":"V"}', "no_user_anon_id"),
        "empty ids": ('{"type":"track","event":"V","userId":"","anonymousId":""}', "no_user_anon_id"),
        "null ids": ('{"type":"track","event":"V","userId":null,"anonymousId":null}', "no_user_anon_id"),
        "ids in another case": ('{"type":"track","event":"V","userid":"u","user_id":"u"}', "no_user_anon_id"),
        "identify without ids": ('{"type":"identify","traits":{"email":"a@example.com"}}', "no_user_anon_id"),
        "delete without ids": ('{"type":"delete"}', "no_user_anon_id"),
        "track without event": ('{"type":"track",' + user + "}", "event_not_defined"),
        "track with an empty event": ('{"type":"track","event":"",' + user + "}", "event_not_defined"),
        "track with a null event": ('{"type":"track","event":null,' + user + "}", "event_not_defined"),
        "group without groupId": ('{"type":"group",' + user + "}", "group_id_not_defined"),
        "group with an empty groupId": ('{"type":"group","groupId":"",' + user + "}", "group_id_not_defined"),
        "alias without previousId": ('{"type":"alias",' + user + "}", "previous_id_not_defined"),
        "alias with an empty previousId": ('{"type":"alias","previousId":"",' + user + "}", "previous_id_not_defined"),
        "type twice, the first wrong": ('{"type":1,"type":"track","event":"V",' + user + "}", "duplicate_key"),
        "id twice, the first wrong": ('{"userId":1,"type":"track","event":"V",' + user + "}", "duplicate_key"),
        "id twice, the second wrong": ('{"type":"track","event":"V",' + user + ',"userId":1}', "id_not_string"),
        "context twice, the first wrong": (
            '{"context":1,"type":"track","event":"V",' + user + ',"context":{}}',
            "duplicate_key",
        ),
    }
    return [(name, line.encode(), reason) for name, (line, reason) in lines.items()]


def _consent() -> list[tuple[str, bytes, str]]:
    no_object = "consent_not_object"
    no_preferences = "consent_category_preferences_not_object"
    no_boolean = "consent_category_preference_not_boolean"
    shapes = {
        "true": ("true", no_object),
        "a string": ('"granted"', no_object),
        "a list": ('["Advertising"]', no_object),
        "a number": ("1", no_object),
        "preferences: a list": ('{"categoryPreferences":["Advertising"]}', no_preferences),
        "preferences: true": ('{"categoryPreferences":true}', no_preferences),
        "preferences: a string": ('{"categoryPreferences":"all"}', no_preferences),
        "a preference: a string": ('{"categoryPreferences":{"Advertising":"true"}}', no_boolean),
        "a preference: a number": ('{"categoryPreferences":{"Advertising":1}}', no_boolean),
        "a preference: null": ('{"categoryPreferences":{"Advertising":null}}', no_boolean),
        "a preference: an object": ('{"categoryPreferences":{"Advertising":{}}}', no_boolean),
        "preferences twice, the first wrong": (
            '{"categoryPreferences":1,"categoryPreferences":{"Advertising":true}}',
            "duplicate_key",
        ),
    }
    return [
        (f"consent: {name}", _event(f'"context":{{"consent":{shape}}}'), reason)
        for name, (shape, reason) in shapes.items()
    ]


BAD: list[tuple[str, bytes, str]] = [
    *_truncated(),
    *_not_utf8(),
    *_not_json(),
    *_not_object(),
    *_too_much(),
    *_wrong_types(),
    *_broken_rules(),
    *_consent(),
]
