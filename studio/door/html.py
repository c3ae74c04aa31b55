"""The few plain pages at the door: HTML without a script, in the studio's colours, dark and light, down to a phone."""

from __future__ import annotations

import html

from fastapi.responses import HTMLResponse

ICON = (
    '<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,'
    "%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 24 24%22 fill=%22%236366f1%22%3E"
    "%3Crect x=%222%22 y=%222%22 width=%229%22 height=%229%22 rx=%222%22/%3E"
    '%3Crect x=%2213%22 y=%2213%22 width=%229%22 height=%229%22 rx=%222%22/%3E%3C/svg%3E">'
)
"""In the page itself: whoever is not in yet fetches nothing."""

STYLE = """
:root { color-scheme: light dark; --ground: #f5f5f4; --surface: #fff; --line: #dddddb; --text: #1b1b1f;
  --muted: #5f6068; --accent: #4c4fd0; --fill: #4c4fd0; --danger: #b3261e; --field: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #141416; --surface: #1c1c1f; --line: #323238; --text: #ededf0;
  --muted: #a3a4ad; --accent: #a5a8ff; --fill: #5a5de0; --danger: #ff9d94; --field: #232327; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 24px 16px 48px; }
main.small { max-width: 24rem; padding-top: 12vh; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin: 0 0 8px; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px; margin: 0 0 16px; }
label { display: block; margin: 0 0 12px; color: var(--muted); font-size: 13.5px; }
input, select { display: block; width: 100%; margin-top: 4px; padding: 10px 12px; font: inherit; color: var(--text);
  background: var(--field); border: 1px solid var(--line); border-radius: 8px; }
button { font: inherit; font-weight: 600; padding: 10px 16px; border: 0; border-radius: 8px; background: var(--fill);
  color: #fff; cursor: pointer; min-height: 42px; }
button.quiet { background: none; color: var(--danger); padding: 4px 8px; font-weight: 400; }
:is(input, select, button, a):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); } .said { color: var(--danger); } .muted { color: var(--muted); }
table { width: 100%; border-collapse: collapse; } td, th { text-align: left; padding: 6px 8px 6px 0; }
td:last-child { text-align: right; } code { overflow-wrap: anywhere; } .qr svg { width: 180px; height: 180px;
  background: #fff; border-radius: 8px; padding: 6px; } nav { display: flex; gap: 16px; align-items: center; }
nav form { margin-left: auto; }
main.wide { max-width: none; padding: 16px; min-height: 100vh; display: grid; place-items: center; }
.shared { margin: 0; text-align: center; }
.shared img { max-width: 100%; max-height: calc(100vh - 150px); height: auto; border-radius: 8px; object-fit: contain; }
.shared figcaption { max-width: 44rem; margin: 12px auto 0; overflow-wrap: anywhere; }
"""


def page(title: str, body: str, *, small: bool = False, wide: bool = False, status: int = 200) -> HTMLResponse:
    """A whole document; ``body`` is HTML in which all that people typed has been escaped."""
    kind = ' class="small"' if small else ' class="wide"' if wide else ""
    content = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)} · Latent Studio</title>{ICON}<style>{STYLE}</style></head>"
        f"<body><main{kind}>{body}</main></body></html>"
    )
    return HTMLResponse(content, status_code=status, headers={"Cache-Control": "no-store"})


def said(message: str) -> str:
    """A sentence about what went wrong, read out where there is one."""
    return f'<p class="said" role="alert">{escaped(message)}</p>' if message else ""


def escaped(text: str) -> str:
    """``text`` safe between tags and in attributes."""
    return html.escape(text, quote=True)
