"""Fixed pieces of HTML between the Gradio components; the page's script finds them by id or ``data-`` attribute.

Nothing a person typed is ever put in here: what is theirs is escaped in `escaped` or set as text by the script.
"""

from __future__ import annotations

import html

MARK = (
    '<svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">'
    '<rect x="2" y="2" width="9" height="9" rx="2.5" opacity=".35"/>'
    '<rect x="13" y="2" width="9" height="9" rx="2.5" opacity=".6"/>'
    '<rect x="2" y="13" width="9" height="9" rx="2.5" opacity=".6"/>'
    '<rect x="13" y="13" width="9" height="9" rx="2.5"/></svg>'
)

HEADER = f"""
<header id="header">
  <a class="skip" href="#generate" data-skip>Skip to the form</a>
  <h1 class="brand">{MARK}<span>Latent Studio</span></h1>
  <nav aria-label="Pages">
    <a href="#/create" data-route="create">Create</a>
    <a href="#/gallery" data-route="gallery">Gallery</a>
    <a href="#/models" data-route="models">Models</a>
    <a href="#/queue" data-route="queue">Queue<span id="queue-count" hidden></span></a>
  </nav>
  <div class="header-end">
    <span id="worker" class="worker" data-state="starting" role="status"><i aria-hidden="true"></i>
      <span>Connecting</span></span>
    <a id="account" href="#/settings" aria-label="Settings" title="Settings"><span id="account-icon"
      data-icon="gear"></span><span id="account-name"></span></a>
    <button type="button" id="theme" class="icon-button" aria-label="Colours: as the system"></button>
  </div>
</header>
"""

NOTICES = '<div id="notices" role="status" aria-label="About the studio"></div>'

STAGE = """
<section id="stage" aria-label="Pictures being made">
  <div id="stage-now"></div>
  <div id="stage-waiting"></div>
  <div id="stage-earlier"></div>
</section>
<p id="announcer" class="hidden-text" role="status" aria-live="polite"></p>
"""

GALLERY = """
<section id="gallery" aria-label="Gallery">
  <div class="gallery-bar">
    <label class="search"><span class="hidden-text">Search in prompts and settings</span>
      <input id="gallery-search" type="search" placeholder="Search: cat steps>20 fav:yes" autocomplete="off"
        spellcheck="false" aria-describedby="gallery-help"></label>
    <button type="button" id="gallery-help-button" class="icon-button" aria-label="How to search" title="How to search"
      aria-expanded="false" aria-controls="gallery-help">?</button>
    <select id="gallery-sort" class="format" aria-label="Sort" title="Sort">
      <option value="newest">Newest</option><option value="oldest">Oldest</option>
      <option value="largest">Largest</option><option value="steps">Most steps</option>
      <option value="seed">Seed</option><option value="checkpoint">Checkpoint</option>
      <option value="sampler">Sampler</option></select>
    <select id="gallery-album" class="format" aria-label="Album" title="Album"></select>
    <select id="gallery-tag" class="format" aria-label="Tag" title="Tag"></select>
    <div class="views" role="group" aria-label="Which pictures">
      <a href="#/gallery" data-view="all">All</a>
      <a href="#/gallery/favourites" data-view="favourites">Favourites</a>
      <a href="#/gallery/bin" data-view="bin">Bin</a>
      <a href="#/wall" data-wall hidden>Wall</a>
    </div>
    <span id="gallery-total" class="muted" role="status"></span>
    <button type="button" id="gallery-import" class="button" aria-label="Import pictures"
      title="Pictures of other programs, from files or folders"><span data-icon="upload"></span><span
      class="wide">Import</span></button>
  </div>
  <div id="gallery-help" hidden></div>
  <div id="gallery-arriving" hidden></div>
  <div id="gallery-note"></div>
  <div id="gallery-grid" class="gallery-grid"></div>
  <div id="gallery-selection" role="toolbar" aria-label="What is selected" hidden></div>
</section>
"""

MODELS = """
<section id="models" aria-label="Models">
  <div class="models-bar">
    <label class="search"><span class="hidden-text">Search in models</span>
      <input id="models-search" type="search" placeholder="Search in names, notes, words" autocomplete="off"
        spellcheck="false"></label>
    <div id="models-kinds" class="views" role="group" aria-label="Which models"></div>
    <select id="models-family" aria-label="Family" hidden></select>
    <select id="models-folder" aria-label="Folder" hidden></select>
    <button type="button" id="models-refresh" class="icon-button" data-icon="reuse"
      aria-label="Look through the folders" title="Look through the folders"></button>
    <div class="models-bar-end">
      <span id="models-total" class="muted" role="status"></span>
      <button type="button" id="models-check" class="button" hidden>Check…</button>
      <button type="button" id="models-get" class="button" hidden>Get models…</button>
    </div>
  </div>
  <div id="models-arrivals" aria-label="Models on their way"></div>
  <div id="models-checks" aria-label="Models that are checked" hidden></div>
  <div id="models-memory" aria-label="Memory"></div>
  <div id="models-note"></div>
  <div id="models-grid" class="models-grid"></div>
</section>
<dialog id="model-details" class="drawer"></dialog>
<dialog id="model-getting" class="drawer" aria-label="Get models"></dialog>
"""

QUEUE = """
<section id="queue" aria-label="Queue">
  <div class="queue-bar">
    <h2>Your queue</h2>
    <span id="queue-bar-words" class="muted" role="status" hidden></span>
    <button type="button" id="queue-resume" class="button" hidden>Resume all</button>
    <button type="button" id="queue-pause" class="button" hidden>Pause all</button>
  </div>
  <p id="queue-others" class="muted"></p>
  <div id="queue-quota"></div>
  <ol id="queue-line" class="queue-list"></ol>
  <div id="queue-ended-head" class="queue-part-head" hidden>
    <h2>Ended</h2>
    <button type="button" id="queue-clear" class="link-button">Clear</button>
  </div>
  <ul id="queue-ended" class="queue-list"></ul>
  <div id="queue-everybody"></div>
</section>
"""

WALL = """
<section id="wall" aria-labelledby="wall-title">
  <div class="wall-bar"><h2 id="wall-title">The wall</h2><span id="wall-total" class="muted" role="status"></span>
    <div class="views"><a href="#/gallery">Your gallery</a></div></div>
  <div id="wall-grid" class="gallery-grid"></div>
  <div id="wall-note"></div>
</section>
<dialog id="wall-picture" aria-label="Picture on the wall in full view"></dialog>
"""

SETTINGS = """
<section id="settings" aria-labelledby="settings-title">
  <h2 id="settings-title">Settings</h2>
  <div id="settings-cards"></div>
</section>
"""

OVERLAYS = """
<dialog id="viewer" aria-label="Picture in full view"></dialog>
<dialog id="lora-choice" class="drawer" aria-label="LoRAs"></dialog>
<dialog id="question"></dialog>
<dialog id="naming"></dialog>
<dialog id="share" aria-label="Share this picture"></dialog>
<dialog id="side-by-side" aria-label="Pictures side by side"></dialog>
<dialog id="editor" aria-label="Paint on the picture"></dialog>
<dialog id="finisher" aria-label="Finish the picture"></dialog>
<dialog id="reading"></dialog>
<dialog id="importer" aria-labelledby="importer-title"></dialog>
<input id="import-files" type="file" accept=".png,.jpg,.jpeg,.webp,.avif" multiple hidden>
<input id="import-folder" type="file" webkitdirectory hidden>
<dialog id="preset-dialog"></dialog>
<input id="preset-file" type="file" accept=".toml,.csv" multiple hidden>
<dialog id="prompt-history" aria-labelledby="prompt-history-title"></dialog>
<dialog id="wildcard-editor" aria-labelledby="wildcard-editor-title"></dialog>
<dialog id="many-prompts" aria-labelledby="many-prompts-title"></dialog>
<input id="reading-file" type="file" accept="image/*,.txt,.json" hidden>
<div id="drop-veil" hidden><div data-drop="source"><p>Start from it</p></div>
<div data-drop="import"><p>Keep in the gallery</p></div>
<div data-drop="read"><p>Read how it was made</p></div></div>
"""

LORAS = """
<div class="loras-bar" role="group" aria-label="LoRAs of the prompt"><div id="loras"></div>
<button type="button" id="loras-add">+ LoRA</button></div>
"""
"""A chip for each LoRA that the prompt names; the page's script fills them in."""

PROMPT_TOOLS = """
<ul id="prompt-notes" aria-live="polite"></ul>
<div id="prompt-tools" class="prompt-tools" role="toolbar" aria-label="For the prompt">
  <button type="button" class="fold-link" data-fold="understanding" aria-expanded="false" aria-controls="understanding">
    <span class="chevron" aria-hidden="true"></span>How it is read<span class="fold-note"></span></button>
  <button type="button" class="link-button" data-act="prompt-history" tabindex="-1"
    title="In the prompt: Alt+↑">History</button>
  <button type="button" class="link-button" data-act="wildcards" tabindex="-1">Wildcards</button>
  <button type="button" class="link-button" data-act="many-prompts" tabindex="-1">Many prompts</button>
</div>
<div id="understanding" class="folded" aria-label="How the prompt is read"></div>
"""
"""Problems of the prompt, how it is read, and the ways to its history, wildcards and many prompts at once."""

PASTE_OFFER = """
<div id="paste-offer" hidden><span>This looks like a recipe.</span>
<button type="button" class="link-button" data-act="read-paste">Fill the form from it</button></div>
"""

MODES = """
<div id="modes" class="modes" role="tablist" aria-label="What to start from">
  <button type="button" role="tab" data-mode="text" aria-selected="true">Text to image</button>
  <button type="button" role="tab" data-mode="image" aria-selected="false">Image to image</button>
  <button type="button" role="tab" data-mode="inpaint" aria-selected="false">Inpaint</button>
</div>
"""

SOURCE = """
<div id="source-slot" data-state="empty">
  <input id="source-file" type="file" accept="image/*" multiple hidden>
  <button type="button" id="source-drop" class="source-drop">
    <strong>Choose a picture</strong><span>or drop or paste one here; several make a batch</span></button>
  <div id="source-shown" class="source-shown" hidden></div>
  <p id="source-message" class="source-message" role="status"></p>
</div>
"""

SWAP_COST = '<p id="swap-cost" class="muted small" role="status"></p>'
"""What changing to the chosen checkpoint costs; the page's script fills it in."""

PRESETS = """
<section id="presets" aria-label="Presets">
  <div class="presets-head">
    <h2>Presets</h2>
    <select id="preset-family" class="format" aria-label="Family of presets"></select>
    <label class="preset-search"><span class="hidden-text">Search in presets</span>
      <input id="preset-search" type="search" placeholder="Search" autocomplete="off" spellcheck="false"></label>
    <button type="button" id="preset-all" class="icon-button" data-icon="grid" aria-expanded="false"
      aria-controls="preset-strip" aria-label="Show all at once" title="Show all at once"></button>
  </div>
  <div id="preset-strip" role="group" aria-label="Presets: press one to lay it over the form"></div>
  <p id="preset-note" class="muted small"></p>
  <div id="preset-stack" hidden></div>
  <div class="preset-tools">
    <button type="button" id="preset-save" class="link-button">Save as preset…</button>
    <button type="button" id="preset-import" class="link-button"
      title="A preset’s file, or A1111’s styles.csv">Import…</button>
    <button type="button" id="read-picture" class="link-button" data-act="read-picture"
      title="What it was made with, and whether that is here">Read a picture…</button>
  </div>
</section>
"""
"""The strip of presets; the page's script fills it from the REST routes."""

CANCEL = '<button type="button" id="cancel" class="button" data-act="cancel" hidden>Cancel</button>'

FORM_MESSAGE = '<div id="form-message" role="alert"></div><p id="quota-hint" class="muted" role="status" hidden></p>'

SEED_BUTTONS = """
<div class="seed-buttons">
<button type="button" class="icon-button" data-act="seed-roll" data-icon="dice" aria-label="Roll a new seed each time"
  title="Roll a new seed each time"></button>
<button type="button" class="icon-button" data-act="seed-reuse" data-icon="reuse"
  aria-label="Use the seed of the last picture" title="Use the seed of the last picture"></button>
</div>
"""

SWAP = """
<button type="button" class="icon-button" data-act="swap-size" data-icon="swap" aria-label="Swap width and height"
  title="Swap width and height"></button>
"""

RESET = (
    '<div class="reset"><button type="button" class="link-button" data-act="reset">Set everything back</button></div>'
)


def fold(target: str, title: str) -> str:
    """A button that opens and closes the column with the id ``target``."""
    return (
        f'<button type="button" class="fold" data-fold="{target}" aria-expanded="false" aria-controls="{target}">'
        f'<span class="chevron" aria-hidden="true"></span>{escaped(title)}'
        '<span class="fold-note muted"></span></button>'
    )


def slider(field: str, label: str, least: float, most: float, step: float) -> str:
    """A slider bound to the number field of that name by the page's script.

    It stays out of the tab order: the number beside it takes arrow keys and says the same.
    """
    return (
        f'<div class="slider"><input type="range" data-slider="{field}" min="{least:g}" max="{most:g}" step="{step:g}" '
        f'tabindex="-1" aria-label="Slider of {escaped(label)}">'
        f'<button type="button" class="link-button" data-act="auto" data-for="{field}">auto</button></div>'
    )


def advice(sentence: str, steps_low: int, steps_high: int, outside: bool) -> str:
    """The sampler's advice, with its useful range for the slider to show."""
    kind = "advice outside" if outside else "advice"
    return f'<p class="{kind}" data-low="{steps_low}" data-high="{steps_high}">{escaped(sentence)}</p>'


def escaped(text: str) -> str:
    """``text`` safe between tags and in attributes."""
    return html.escape(text, quote=True)
