import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.review.conftest import COOKIE, ORIGIN, PORT, TOKEN

POST = "/api/captures/x/reject"


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}"])
def test_answers_under_each_name_of_this_machine(client: TestClient, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert client.get("/api/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}"],
)
@pytest.mark.parametrize("path", ["/", "/api/status", f"/?token={TOKEN}"])
def test_refuses_another_host_even_with_the_token(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", f"https://127.0.0.1:{PORT}", f"http://localhost:{PORT}"]
)
def test_refuses_another_origin(client: TestClient, origin: str) -> None:
    assert client.get("/api/status", headers={"Origin": origin}).status_code == 403
    assert client.post(POST, headers={"Origin": origin}).status_code == 403


def test_a_decision_must_say_which_page_it_comes_from(client: TestClient) -> None:
    del client.headers["Origin"]
    assert client.get("/api/status").status_code == 200
    assert client.post(POST).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_local_pages_cannot_show_our_pictures(client: TestClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert client.get("/api/captures/x/preview", headers=headers).status_code == 403


def test_the_api_wants_the_token_and_the_page_does_not(stranger: TestClient) -> None:
    assert stranger.get("/").status_code == 200
    answer = stranger.get("/api/status")
    assert answer.status_code == 403
    assert "address" in answer.json()["error"]


def test_the_printed_address_lets_in_and_hides_the_token(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/api/status").status_code == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(guess=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40))
def test_no_other_token_lets_in(stranger: TestClient, guess: str) -> None:
    stranger.cookies.clear()
    assert "set-cookie" not in stranger.get("/", params={"token": guess}).headers
    stranger.cookies.clear()
    raw = [(b"Cookie", f"{next(iter(COOKIE))}={guess}".encode("latin-1"))]
    assert stranger.get("/api/status", headers=raw).status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/status", "/api/nothing-here"])
def test_every_answer_keeps_the_page_to_itself(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Origin": ORIGIN}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in headers if name.startswith("access-control-")]


def test_no_documentation_of_the_interface_is_served(client: TestClient) -> None:
    assert {client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}
