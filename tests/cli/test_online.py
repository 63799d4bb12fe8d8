"""`doorstep check --online`: what destinations say of themselves, before there is an event."""

from __future__ import annotations


def webhook(name: str, url: str, more: str = "") -> str:
    return f'[destinations.{name}]\ntype = "webhook"\nsettings = {{ url = "{url}" }}\n{more}'


def test_a_receiver_that_answers_is_there_and_got_no_event(invoke, receiver, answer, write_config):
    receiver.answers["/in"] = answer(200)
    write_config(webhook("hook", receiver.url()) + '[destinations.out]\ntype = "console"\n')
    done = invoke("check", "--online")
    assert (done.exit_code, done.stdout) == (
        0,
        "hook: is there (HTTP 200 to HEAD)\nout: has nothing to ask\nok: 2 destinations, 1 ingress\n",
    )
    assert [head.split(b" ")[0] for head in receiver.heads()] == [b"head"]


def test_without_it_nobody_is_asked(invoke, receiver, write_config):
    write_config(webhook("hook", receiver.url()))
    assert invoke("check").exit_code == 0
    assert receiver.heads() == []


def test_each_that_would_not_take_events_is_a_problem_at_its_line(
    invoke, receiver, answer, refusing, tmp_path, write_config
):
    receiver.answers["/auth"] = answer(401)
    receiver.answers["/sick"] = answer(500)
    (tmp_path / "taken").write_text("")
    write_config(
        webhook("gone", refusing)
        + webhook("auth", receiver.url("/auth"))
        + webhook("sick", receiver.url("/sick"))
        + webhook("off", refusing, "enabled = false\n")
        + f'[destinations.lake]\ntype = "file"\nsettings = {{ folder = "{tmp_path}/taken/lake" }}\n'
    )
    done = invoke("check", "--online")
    port = refusing.rsplit(":", 1)[1].rstrip("/")
    assert done.exit_code == 78
    assert done.stdout.splitlines() == [
        (
            f"doorstep.toml:1: destinations.gone: cannot be reached (connect_refused: Connect call failed ('127.0.0.1', {port})); "
            "nobody listens there; see whether it runs, and whether host and port are right"
        ),
        "doorstep.toml:4: destinations.auth: refuses the credentials (HTTP 401); see the secrets in its settings",
        "doorstep.toml:7: destinations.sick: is there, and not well (HTTP 500 to HEAD); see how the receiver is",
        f"doorstep.toml:14: destinations.lake: cannot be written to ({tmp_path}/taken: Not a directory); see where it writes",
    ]
    assert done.stderr == "4 problems\n"


def test_an_answer_that_can_mean_two_things_is_a_warning(invoke, receiver, answer, write_config):
    receiver.answers["/in"] = answer(404)
    write_config(webhook("hook", receiver.url()))
    done = invoke("check", "--online")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (
        0,
        (
            "doorstep.toml:1: destinations.hook: warning: answers HTTP 404 to HEAD, and would be held if it answers events so; "
            "see whether its URL is right"
        ),
    )
    assert invoke("check", "--online", "--strict").exit_code == 78


def test_what_is_wrong_in_the_file_is_told_without_asking_anybody(invoke, receiver, write_config):
    write_config(webhook("hook", receiver.url(), "enabeld = true\n"))
    assert invoke("check", "--online").exit_code == 78
    assert receiver.heads() == []
