"""Events over HTTP: Segment's tracking API, as its SDKs speak it, and plain events as NDJSON or a JSON array.

    request -> routes -> keys (who is it, may it) -> body (bounded, inflated) -> normalise or plain -> intake -> durable -> 200

| file | what |
|---|---|
| `ingress.py` | the sockets: `type = "http"` |
| `mounted.py` | the app for a program that has an HTTP server of its own |
| `app.py` | one request, from its head to its answer: an ASGI app that can be mounted anywhere |
| `routes.py` | which address means what |
| `keys.py` | write keys: source, rate, origins |
| `body.py` | reading and inflating within bounds |
| `normalise.py`, `times.py` | Segment's bodies to lines. Pure |
| `plain.py` | NDJSON and arrays to lines, byte for byte. Pure |
| `sifting.py` | events that are no JSON, out of others that are. Pure |
| `answers.py` | every answer there is, and which refusals browsers may read |

Nothing is answered 200 that is not as durable as configured. Whatever a client does, another one does not feel it: heads, bodies and
silence have deadlines, bodies a limit each and one together, and nobody waits for room longer than `ANSWER_S`.
"""
