"""The review page's HTTP interface: files of the page, what the desk knows, pictures, decisions."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException

from studio_pipeline.errors import Refused, StudioError, TryAgain
from studio_pipeline.geometry import Point
from studio_pipeline.records import hand as by_hand
from studio_pipeline.records.consent import Allowed, Level
from studio_pipeline.records.hand import Wish
from studio_pipeline.records.proposal import Choice
from studio_pipeline.review import events
from studio_pipeline.review.access import OwnBrowserOnly
from studio_pipeline.review.desk import Desk, Json, Layer

PAGE = Path(__file__).parent / "static"
VIA = "review page"

_PICTURE_CACHE = "private, max-age=600"  # their addresses change with what they show
_HEARTBEAT_S = 15

Corner = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Corner], Field(min_length=3, max_length=10_000)]
SmallPolygon = Annotated[list[Corner], Field(min_length=3, max_length=500)]
Drawn = Annotated[list[SmallPolygon], Field(max_length=64)]
Off = dict[str, tuple[str, ...]]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Approval(Body):
    """``shown_hash`` is the hash of what the person was looking at."""

    shown_hash: str
    enabled: tuple[str, ...]
    off: Off = {}


class Pick(Body):
    picked: bool


class Mark(Body):
    reference: bool


class People(Body):
    people: Annotated[list[str], Field(max_length=64)]


class Word(Body):
    """What may be proposed of ``subject``, "" being the session."""

    subject: str = ""
    level: Level
    no_generative: bool = False


class Repaint(Body):
    """The person's outline: ``[y, x]`` per corner, master pixels, the base's first pixel is ``[0, 0]``."""

    polygons: Annotated[list[Polygon], Field(min_length=1, max_length=64)]


class ByHand(Body):
    """What a person asks of one edit, and the switches as they had them. None leaves what was drawn."""

    edit: str
    area: Drawn | None = None
    spare: Drawn | None = None
    again: bool = False
    clear: bool = False
    enabled: tuple[str, ...]
    off: Off = {}

    @property
    def wish(self) -> Wish:
        area, spare = (None if one is None else _polygons(one) for one in (self.area, self.spare))
        return Wish(area=area, spare=spare, again=self.again, clear=self.clear)


def _choice(
    edits: Annotated[str, Query(description="Edits whose switch is on, with commas between.")] = "",
    off: Annotated[str, Query(description="Items that are off, as JSON: edit to a list of ids.")] = "{}",
) -> Choice:
    try:
        items = TypeAdapter(Off).validate_json(off)
    except ValidationError as error:
        raise HTTPException(422, f"off: {error.errors()[0]['msg']}") from error
    return Choice(enabled=tuple(name for name in edits.split(",") if name), off=items)


Switches = Annotated[Choice, Depends(_choice)]


def create_app(
    desk: Desk,
    *,
    token: str,
    port: int,
    user: str,
    closing: threading.Event | None = None,
    page: Path = PAGE,
) -> FastAPI:
    """The app for one desk. ``user`` is written beside each decision; ``closing`` ends the event streams.

    Raises Refused when the page has not been built.
    """
    if not (page / "index.html").is_file():
        raise Refused(f"the review page is not built: run `python scripts/page.py` (looked in {page})")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(OwnBrowserOnly, token=token, port=port)
    _add_errors(app)
    _add_events(app, desk, closing or threading.Event())
    _add_reading(app, desk)
    _add_pictures(app, desk)
    _add_decisions(app, desk, user)
    _add_page(app, page)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(StudioError)
    def studio_error(request: Request, error: StudioError) -> JSONResponse:
        status = 409 if isinstance(error, Refused) else 503 if isinstance(error, TryAgain) else 500
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(KeyError)
    def unknown(request: Request, error: KeyError) -> JSONResponse:
        capture_id = request.path_params.get("capture_id")
        if capture_id is None or error.args != (capture_id,):
            raise error
        return JSONResponse({"error": f"there is no capture {capture_id}"}, 404)

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"error": f"{place}: {first['msg']}"}, 422)


def _add_events(app: FastAPI, desk: Desk, closing: threading.Event) -> None:
    @app.get("/api/events")
    async def follow(last_event_id: Annotated[str | None, Header()] = None) -> EventSourceResponse:
        since = int(last_event_id) if last_event_id and last_event_id.isdecimal() else None
        return EventSourceResponse(events.stream(desk, since, closing), ping=_HEARTBEAT_S, sep="\n")


def _add_reading(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/status")
    def status() -> Json:
        return desk.status()

    @app.get("/api/health")
    def health() -> Json:
        return desk.health()

    @app.get("/api/captures/{capture_id}")
    def capture(capture_id: str) -> Json:
        return desk.capture(capture_id)

    @app.get("/api/captures/{capture_id}/shown")
    def shown(capture_id: str, switches: Switches) -> Json:
        return desk.shown(capture_id, switches)


def _add_pictures(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/captures/{capture_id}/preview")
    def preview(capture_id: str, edge: Annotated[int, Query(ge=64, le=4096)] = 512) -> Response:
        return _picture(desk.preview(capture_id, edge), "image/jpeg")

    @app.get("/api/captures/{capture_id}/small")
    def small(
        capture_id: str, switches: Switches, edge: Annotated[int, Query(ge=64, le=1024)] = 512
    ) -> Response:
        return _picture(desk.small(capture_id, switches, edge), "image/jpeg")

    @app.get("/api/captures/{capture_id}/tiles/{layer}/{level}/{col}_{row}")
    def tile(capture_id: str, layer: Layer, level: int, col: int, row: int, switches: Switches) -> Response:
        if min(level, col, row) < 0:
            raise HTTPException(404, "there is no such tile")
        content = desk.tile(capture_id, layer, switches, level, col, row)
        return _picture(content, "image/png" if layer == "mask" else "image/jpeg")


def _add_decisions(app: FastAPI, desk: Desk, user: str) -> None:
    @app.post("/api/captures/{capture_id}/approve")
    def approve(capture_id: str, body: Approval) -> Json:
        choice = Choice(enabled=body.enabled, off=body.off)
        return desk.approve(capture_id, body.shown_hash, choice, user, VIA)

    @app.post("/api/captures/{capture_id}/reject")
    def reject(capture_id: str) -> Json:
        return desk.reject(capture_id, user, VIA)

    @app.post("/api/captures/{capture_id}/revoke")
    def revoke(capture_id: str) -> Json:
        return desk.revoke(capture_id, user, VIA)

    @app.post("/api/captures/{capture_id}/pick")
    def pick(capture_id: str, body: Pick) -> Json:
        return desk.pick(capture_id, body.picked)

    @app.post("/api/captures/{capture_id}/reference")
    def mark(capture_id: str, body: Mark) -> Json:
        return desk.mark_reference(capture_id, body.reference, user)

    @app.post("/api/captures/{capture_id}/people")
    def people(capture_id: str, body: People) -> Json:
        return desk.name_people(capture_id, body.people)

    @app.post("/api/consent")
    def consent(body: Word) -> Json:
        allowed = Allowed(level=body.level, no_generative=body.no_generative)
        return desk.say_consent(body.subject, allowed, user)

    @app.post("/api/captures/{capture_id}/repaint", status_code=204)
    def repaint(capture_id: str, body: Repaint) -> None:
        desk.repaint(capture_id, body.polygons, user)

    @app.post("/api/captures/{capture_id}/hand")
    def hand(capture_id: str, body: ByHand) -> Json:
        choice = Choice(enabled=body.enabled, off=body.off)
        return desk.hand(capture_id, body.edit, body.wish, choice, user)

    @app.post("/api/captures/{capture_id}/nobody-here", status_code=204)
    def nobody_here(capture_id: str) -> None:
        desk.nobody_here(capture_id, user)

    @app.post("/api/captures/{capture_id}/somebody-here", status_code=204)
    def somebody_here(capture_id: str) -> None:
        desk.somebody_here(capture_id, user)


def _add_page(app: FastAPI, page: Path) -> None:
    @app.get("/")
    def index() -> FileResponse:
        return FileResponse(page / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/", StaticFiles(directory=page))


def _polygons(drawn: list[list[list[float]]]) -> tuple[by_hand.Polygon, ...]:
    return tuple(tuple(Point(round(y), round(x)) for y, x in polygon) for polygon in drawn)


def _picture(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": _PICTURE_CACHE})
