"""Who may see what: every route, asked in every way there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import ApiClient
from modelmon.api.access import check_address
from modelmon.api.routes import Opening, Route, all_routes
from modelmon.errors import ConfigError
from modelmon.ledger import access as ledger
from modelmon.ledger.records import open_records
from modelmon.model import DAY_US, wall_clock_us
from modelmon.settings import Settings

ROLES = ("viewer", "operator", "admin")
RANK = {"nobody": 0, "viewer": 1, "operator": 2, "admin": 3}
ROUTES = {f"{each.method} {each.path}": each for each in all_routes()}
SECRET = "of the proxy, 123456"


def settings(folder: Path, **more: Any) -> Settings:
    return Settings.load(project="shop", project_dir=str(folder), environ={}, **more)


@dataclass
class Shop:
    """A project with a token of each role, one that has expired and one that was revoked."""

    client: ApiClient
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, route: Route, **headers: str) -> httpx.Response:
        path = re.sub(r"{project(:\w+)?}", "shop", route.path)
        path = re.sub(r"{[a-z_]+(:\w+)?}", "x", path)
        return self.client.request(route.method, path, headers=headers)

    def log_in(self, name: str) -> str:
        found = self.client.request(
            "POST", "/login", data={"token": self.tokens[name]}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert found.status_code == 303
        return found.headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    given = settings(tmp_path_factory.mktemp("shop"), auth="token", remote_deploy=True)
    made = Shop(ApiClient(given))
    records, now_us = open_records(given), wall_clock_us()
    with records.write() as connection:
        for role in ROLES:
            made.tokens[role] = ledger.create_token(connection, role, role, now_us, now_us + DAY_US)
        made.tokens["expired"] = ledger.create_token(connection, "old", "admin", now_us - DAY_US, now_us - 1)
        made.tokens["revoked"] = ledger.create_token(connection, "gone", "admin", now_us, None)
        ledger.revoke_token(connection, "gone", now_us)
    records.close()
    yield made
    made.client.close()


def refused(found: httpx.Response) -> bool:
    to_login = found.status_code == 303 and "/login?next=" in found.headers["location"]
    return found.status_code in (401, 403) or to_login


@pytest.mark.parametrize("who", ["nobody", "expired", "revoked", *ROLES])
@pytest.mark.parametrize("name", ROUTES)
def test_a_route_answers_those_of_its_role_and_above(shop: Shop, name: str, who: str) -> None:
    route = ROUTES[name]
    headers = {} if who == "nobody" else {"Authorization": f"Bearer {shop.tokens[who]}"}
    found = shop.ask(route, **headers)
    is_open = route.opening in (Opening.ALWAYS, Opening.HEALTH)  # `auth_open` is health by default
    if is_open:  # a login from another page is none
        assert refused(found) == (route.method != "GET")
    else:
        assert refused(found) == (RANK.get(who, 0) < route.role), found.text


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.method != "GET"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
        {},
    ],
)
def test_a_write_by_cookie_comes_from_our_own_page(shop: Shop, name: str, headers: dict[str, str]) -> None:
    found = shop.ask(ROUTES[name], Cookie=shop.log_in("admin"), **headers)
    assert (found.status_code, "does not come from our own page" in found.text) == (403, True)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:80"])
def test_without_access_set_up_only_this_machines_names_are_answered(tmp_path: Path, host: str) -> None:
    client = ApiClient(settings(tmp_path))
    assert client.get("/projects/shop/endpoints", headers={"Host": host}).status_code == 421
    for own in ("localhost:8050", "127.0.0.1", "[::1]:8050"):
        assert client.get("/projects/shop/endpoints", headers={"Host": own}).status_code == 200


def test_a_program_that_posts_what_no_form_of_ours_did_is_told_the_content_type(tmp_path: Path) -> None:
    """As curl does where it is not told one."""
    client = ApiClient(settings(tmp_path))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    found = client.request("POST", "/api/v1/projects/shop/windows/rerun", headers=form, content=b"{}")
    assert (found.status_code, "Content-Type: application/json" in found.text) == (403, True)
    client.close()


def test_a_project_with_a_login_opens_no_other_to_names_that_lead_here(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    free = Settings.load(project="free", project_dir=str(folder), environ={})
    client = ApiClient(free, settings(tmp_path, auth="token"))
    asked = {host: client.get("/", headers={"Host": host}) for host in ("evil.example", "127.0.0.1:8050")}
    assert [each.status_code for each in asked.values()] == [421, 200]
    assert "free" not in asked["evil.example"].text
    client.close()


def test_who_only_has_to_log_in_is_led_there_and_back(shop: Shop) -> None:
    found = shop.client.get("/projects/shop/endpoints?range=24h")
    assert found.headers["location"] == "/login?next=%2Fprojects%2Fshop%2Fendpoints%3Frange%3D24h"
    answer = shop.client.request(
        "POST", "/login", headers={"Origin": "http://127.0.0.1"},
        data={"token": shop.tokens["viewer"], "next": "/projects/shop/endpoints?range=24h"},
    )  # fmt: skip
    assert answer.headers["location"] == "/projects/shop/endpoints?range=24h"
    cookie = answer.headers["set-cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=strict", "Max-Age=43200", "Path=/"))
    assert shop.client.get(
        "/projects/shop/endpoints", headers={"Cookie": cookie.partition(";")[0]}
    ).is_success


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "x"])
def test_a_login_leads_to_no_other_site(shop: Shop, elsewhere: str) -> None:
    answer = shop.client.request(
        "POST", "/login", data={"token": shop.tokens["viewer"], "next": elsewhere},
        headers={"Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    assert answer.headers["location"] == "/"


def test_a_cookie_ends_with_its_token_and_can_not_be_made_up(shop: Shop) -> None:
    cookie = shop.log_in("operator")
    records, now_us = open_records(shop.client.application.state.projects["shop"].settings), wall_clock_us()
    with records.write() as connection:
        token = ledger.create_token(connection, "short", "viewer", now_us, None)
    shop.tokens["short"] = token
    short = shop.log_in("short")
    assert shop.client.get("/projects/shop/endpoints", headers={"Cookie": short}).is_success
    with records.write() as connection:
        ledger.revoke_token(connection, "short", now_us)
    records.close()
    for bad in (
        short,
        cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        "modelmon=x",
        "modelmon=.",
        b"modelmon=\xfc",
    ):
        assert refused(shop.client.get("/projects/shop/endpoints", headers={"Cookie": bad})), bad


def test_who_has_logged_in_can_log_out_on_every_page(shop: Shop) -> None:
    cookie = {"Cookie": shop.log_in("viewer"), "Sec-Fetch-Site": "same-origin"}
    page = shop.client.get("/projects/shop/functions", headers=cookie).text
    assert '<form method="post" action="/logout">viewer, viewer ' in page
    out = shop.client.request("POST", "/logout", headers=cookie)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert 'modelmon=""' in out.headers["set-cookie"]
    by_token = {"Authorization": f"Bearer {shop.tokens['viewer']}"}
    assert "/logout" not in shop.client.get("/projects/shop/functions", headers=by_token).text


def test_a_login_goes_past_a_project_that_is_down(tmp_path: Path) -> None:
    down = Settings.load(
        project="down", project_dir=str(tmp_path), environ={}, auth="token",
        records_url="postgresql://nobody@127.0.0.1:1/x",
    )  # fmt: skip
    up = settings(tmp_path, auth="token")
    records, now_us = open_records(up), wall_clock_us()
    with records.write() as connection:
        token = ledger.create_token(connection, "ann", "viewer", now_us, None)
    records.close()
    same = {"Sec-Fetch-Site": "same-origin"}
    client = ApiClient(down, up)
    for text, status in ((token, 303), ("mm_guess", 401)):
        assert client.request("POST", "/login", data={"token": text}, headers=same).status_code == status
    client.close()
    alone = ApiClient(down)
    assert alone.request("POST", "/login", data={"token": token}, headers=same).status_code == 503
    alone.close()


def test_a_token_in_the_address_is_refused(shop: Shop) -> None:
    found = shop.client.get(f"/api/v1/projects/shop/endpoints?token={shop.tokens['admin']}")
    assert found.status_code == 401


def test_logins_have_to_wait_after_too_many_that_failed(tmp_path: Path) -> None:
    client = ApiClient(settings(tmp_path, auth="token"))
    same = {"Sec-Fetch-Site": "same-origin"}
    codes = [
        client.request("POST", "/login", data={"token": "mm_guess"}, headers=same).status_code
        for _ in range(2 * ledger.MOST_FAILURES + 1)  # a minute may begin in between
    ]
    assert codes[0] == 401
    assert codes[-1] == 429


def by_proxy(**more: str) -> dict[str, str]:
    return {"X-ModelMon-Proxy-Secret": SECRET, "X-Forwarded-User": "ann", **more}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (by_proxy(**{"X-Forwarded-Groups": "ml-team"}), 200),
        (by_proxy(**{"X-Forwarded-Groups": "sales, on-call"}), 200),
        (by_proxy(**{"X-Forwarded-Groups": "sales"}), 401),
        (by_proxy(), 401),
        ({**by_proxy(**{"X-Forwarded-Groups": "ml-team"}), "X-ModelMon-Proxy-Secret": "guessed"}, 401),
        ({"X-Forwarded-User": "ann", "X-Forwarded-Groups": "ml-team"}, 401),
        ({"X-ModelMon-Proxy-Secret": SECRET, "X-Forwarded-Groups": "ml-team"}, 401),
    ],
)
def test_a_proxy_is_believed_with_its_secret_alone(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    roles = "ml-team=viewer, on-call=operator"
    client = ApiClient(settings(tmp_path, auth="proxy", proxy_secret=SECRET, proxy_roles=roles))
    assert client.get("/api/v1/projects/shop/endpoints", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"auth": "proxy"}, "proxy_secret: auth: proxy needs one of at least 16 characters"),
        ({"proxy_roles": "ml-team"}, "proxy_roles: 'ml-team'; write group=role"),
        ({"proxy_roles": "a=root"}, "a role is viewer, operator, admin"),
        ({"auth_open": "health,pages"}, "auth_open: 'pages' can't be opened"),
        ({"cors_origins": "ops.example"}, "'ops.example' is no origin"),
        ({"auth": "password"}, "auth"),
    ],
)
def test_settings_that_are_wrong_stop_the_start(tmp_path: Path, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        settings(tmp_path, **wrong)


def test_an_address_for_others_needs_that_somebody_says_who_may(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 is reached from elsewhere"):
        check_address("0.0.0.0", settings(tmp_path))
    for open_settings in ({"auth": "none"}, {"auth": "token"}):
        check_address("0.0.0.0", settings(tmp_path, **open_settings))
    check_address("127.0.0.1", settings(tmp_path))


def test_other_origins_may_call_and_frame_only_where_a_setting_says_so(tmp_path: Path) -> None:
    asked = {"Origin": "https://ops.example"}
    closed = ApiClient(settings(tmp_path)).get("/api/v1/projects/shop/endpoints", headers=asked).headers
    assert "access-control-allow-origin" not in closed
    assert "frame-ancestors 'none'" in closed["content-security-policy"]
    more = {"cors_origins": "https://ops.example", "embed_origins": "https://wiki.example"}
    opened = (
        ApiClient(settings(tmp_path, **more)).get("/api/v1/projects/shop/endpoints", headers=asked).headers
    )
    assert opened["access-control-allow-origin"] == "https://ops.example"
    assert "access-control-allow-credentials" not in opened
    assert "frame-ancestors https://wiki.example" in opened["content-security-policy"]


def test_what_was_refused_to_somebody_is_noted_with_their_name(shop: Shop) -> None:
    headers = {"Authorization": f"Bearer {shop.tokens['viewer']}"}
    shop.client.request("POST", "/api/v1/projects/shop/windows/rerun", headers=headers)
    audit = "/api/v1/projects/shop/audit"
    told = shop.client.get(audit, headers={"Authorization": f"Bearer {shop.tokens['admin']}"}).json()
    newest = told["deeds"][0]
    assert (newest["who"], newest["what"].split("/")[-1], newest["outcome"]) == ("viewer", "rerun", "403")


def test_what_people_do_is_noted_with_who_they_are_and_nothing_secret_is_kept(shop: Shop) -> None:
    shop.client.request("POST", "/api/v1/projects/shop/nothing")
    settings_ = shop.client.application.state.projects["shop"].settings
    records = open_records(settings_)
    with records.read() as connection:
        assert {each.name for each in ledger.list_tokens(connection)} >= set(ROLES)
        key = ledger.signing_key(connection)
    records.close()
    folder = Path(settings_.project_dir)
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    shown = "".join(
        shop.ask(route, Authorization=f"Bearer {shop.tokens['admin']}").text for route in ROUTES.values()
        if route.method == "GET"
    )  # fmt: skip
    for token in shop.tokens.values():
        assert token.startswith("mm_")
        assert token.encode() not in kept
        assert token not in shown
    assert key not in shown


def test_strangers_fill_no_audit_and_people_who_may_not_are_named(shop: Shop) -> None:
    (deleted,) = (each for each in ROUTES.values() if each.path.endswith("/dead-letters/delete"))
    records = shop.client.application.state.projects["shop"].database

    def told() -> int:
        with records.read() as connection:
            return len(ledger.list_deeds(connection, 10_000)[0])

    before = told()
    assert shop.ask(deleted).status_code == 401
    assert told() == before
    assert shop.ask(deleted, Authorization=f"Bearer {shop.tokens['viewer']}").status_code == 403
    assert told() == before + 1


@pytest.mark.parametrize("end", ["file/check", "rules/replay", "silences/preview", "metrics-values"])
def test_a_post_that_only_looks_leaves_no_row_in_the_audit(shop: Shop, end: str) -> None:
    (route,) = (each for each in ROUTES.values() if each.method == "POST" and each.path.endswith(end))
    records = shop.client.application.state.projects["shop"].database
    with records.read() as connection:
        before = ledger.list_deeds(connection, 10_000)[0]
    for who in ("viewer", "admin"):
        shop.ask(route, Authorization=f"Bearer {shop.tokens[who]}")
    with records.read() as connection:
        assert ledger.list_deeds(connection, 10_000)[0] == before
