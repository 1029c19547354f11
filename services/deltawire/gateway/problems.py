"""Errors as ``application/problem+json`` (RFC 9457): one clear sentence in ``detail``."""

from __future__ import annotations

import http

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from deltawire.gateway.cursor import BadCursor
from deltawire.log.port import LogError
from deltawire.store.port import StoreError

logger = structlog.get_logger()


def bad_request(detail: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=detail)


def not_found(detail: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=detail)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    title = http.HTTPStatus(status).phrase
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return web.Response(body=body, status=status, content_type="application/problem+json", headers=headers)


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every failure into a problem. What we did not expect is logged, and not shown."""
    try:
        return await handler(request)
    except BadCursor as error:
        return problem(400, str(error))
    except web.HTTPMethodNotAllowed as error:
        return problem(
            405, f"{request.path} takes {', '.join(sorted(error.allowed_methods))}", {"Allow": error.headers["Allow"]}
        )
    except web.HTTPException as error:
        if error.status < 400:
            raise
        default = error.text == f"{error.status}: {error.reason}"
        return problem(error.status, f"there is nothing at {request.path}" if default else error.text or error.reason)
    except (StoreError, LogError) as error:
        logger.warning("gateway.request", path=request.path, outcome="unavailable", error=str(error))
        return problem(503, "the store or the log cannot be read at the moment; try again", {"Retry-After": "3"})
    except ConnectionError:
        raise
    except Exception as error:
        logger.exception("gateway.request", path=request.path, outcome="failed", error=str(error))
        return problem(500, "deltawire failed to answer this; its log says why")
