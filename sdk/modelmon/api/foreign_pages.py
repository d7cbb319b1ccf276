"""HTML that is not ours: what an app kept or somebody logged, shown where it can do no harm.

Its text may come from whoever sends requests: Evidently writes the names of categories into its pages as they
are. So no script of it runs until a person says so, and then in a frame that reaches nothing. What a browser
does not forbid is taken away before the page's first script: WebRTC, and frames inside the frame, which would
have a WebRTC of their own.
"""

from __future__ import annotations

import codecs
import re

from starlette.responses import Response

INLINE = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
STILL = f"sandbox; {INLINE}; frame-ancestors 'self'"
"""An origin of its own, no script, no request to anywhere. For a frame inside it Chromium has a connection
open before it asks whether it may, so there is none inside."""
DRAWING = (
    f"sandbox allow-scripts; {INLINE}; script-src 'unsafe-inline' 'unsafe-eval'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types default"
)
"""The same with its own scripts. Where it would navigate to, the policy of the page around it forbids;
Chromium has a connection open before it asks, and sends nothing over it. A tab has none around it, so there
no script runs."""
CLOSED = "link|iframe|frame|object|embed|portal|fencedframe"
PRELUDE = """<script>(() => {
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport", "customElements",
                      "XSLTProcessor", "open"])
    Object.defineProperty(window, name, { value: undefined });
  const closed = /^(?:.*:)?(?:CLOSED)$/i;
  for (const [name, place] of [["createElement", 0], ["createElementNS", 1]]) {
    const make = Document.prototype[name];
    Object.defineProperty(Document.prototype, name, { value(...given) {
      given[place] = String(given[place]);
      given.length = Math.min(given.length, place + 1);
      if (closed.test(given[place])) given[place] = "span";
      return Reflect.apply(make, this, given);
    } });
  }
  const opening = /<(\\/?)(?=(?:[\\w-]+:)?(?:CLOSED)\\b)/gi;
  if (window.trustedTypes) trustedTypes.createPolicy("default", {
    createHTML: text => text.replace(opening, "<$1x-"), createScript: text => text });
})();</script>""".replace("CLOSED", CLOSED).encode()
DOCTYPE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!doctype[^>]*>)?", re.IGNORECASE)
OPENING = re.compile(rb"<(/?)(?=(?:%s)\b)" % CLOSED.encode(), re.IGNORECASE)


def sandboxed(page: bytes, *, scripts: bool) -> Response:
    """An HTML page that somebody's app wrote; with `scripts` what draws in it may run."""
    headers = {
        "Content-Security-Policy": DRAWING if scripts else STILL, "X-DNS-Prefetch-Control": "off"
    }  # fmt: skip
    quiet = OPENING.sub(rb"<\1x-", _utf8(page))
    return Response(_with_prelude(quiet) if scripts else quiet, media_type="text/html", headers=headers)


def _utf8(page: bytes) -> bytes:
    """A mark at its start says more to a browser than our header does."""
    if page.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return page.decode("utf-16", errors="replace").encode()
    return page


def _with_prelude(page: bytes) -> bytes:
    """Before its first script, behind the line that says which HTML it is."""
    start = DOCTYPE.match(page)
    assert start is not None, "it matches nothing too"
    return page[: start.end()] + PRELUDE + page[start.end() :]
