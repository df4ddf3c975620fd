"""The report's style sheet: one column on a phone, light or dark as the reader's system says, no external file."""

STYLE = """
:root{color-scheme:light dark;--bg:#fafaf9;--card:#fff;--text:#1c2024;--muted:#60646c;--grid:#e4e4e7;--panel:#f6f6f5;
--accent:#3e63dd;--warn-bg:#ffe9c7;--warn-text:#6b3b00;--warn-line:#f0a020;--best:#0b7a4b}
@media(prefers-color-scheme:dark){:root{--bg:#111113;--card:#19191b;--text:#edeef0;--muted:#a0a4ab;--grid:#2e3035;
--panel:#1f2023;--accent:#7c9aff;--warn-bg:#3d2a05;--warn-text:#ffdca3;--warn-line:#b97a12;--best:#4cd398}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:20px 16px 64px}
h1{font-size:clamp(1.5rem,4.5vw,2.1rem);line-height:1.2;margin:.4em 0 .2em;letter-spacing:-.01em}
h2{font-size:1.3rem;margin:2.4em 0 .6em;padding-bottom:.3em;border-bottom:1px solid var(--grid)}
h3{font-size:1.08rem;margin:0 0 .5em;overflow-wrap:anywhere}
h4{font-size:.92rem;font-weight:600;margin:0 0 .35em}
p{margin:.3em 0 .8em}
nav{display:flex;flex-wrap:wrap;gap:6px 16px;font-size:.92rem;margin:.6em 0}
a{color:var(--accent)}
.muted,.note{color:var(--muted);font-size:.88rem}
.banner{position:sticky;top:0;z-index:2;background:var(--warn-bg);color:var(--warn-text);
border-bottom:2px solid var(--warn-line);padding:10px 16px;text-align:center;font-size:.95rem}
.banner strong{letter-spacing:.06em}
.badge{display:inline-block;background:var(--warn-bg);color:var(--warn-text);border:1px solid var(--warn-line);
border-radius:5px;
font-size:.68rem;font-weight:700;letter-spacing:.05em;padding:0 5px;margin-left:7px;vertical-align:1px}
.card{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:16px;margin:0 0 16px}
.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr))}
.pair{display:grid;gap:20px;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));align-items:start}
.grid .card{margin:0}
.scroll{overflow-x:auto;margin:0 -16px;padding:0 16px}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{padding:7px 10px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap;
font-variant-numeric:tabular-nums}
th{color:var(--muted);font-weight:600;font-size:.82rem}
th.text,td.text{text-align:left;white-space:normal;overflow-wrap:anywhere}
td.text:first-child{min-width:9.5em}
tbody tr:last-child td{border-bottom:0}
.best{font-weight:700;color:var(--best)}
details{border-top:1px solid var(--grid);margin-top:14px;padding-top:10px}
summary{cursor:pointer;color:var(--accent);font-size:.93rem}
details table{margin-top:8px}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:.86rem;margin:.3em 0 .6em;padding:0;list-style:none}
.legend i{display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.4em}
svg{display:block;width:100%;height:auto;max-width:560px}
svg text{font-family:inherit;font-size:11px}
.svg-text{fill:var(--text)}.svg-muted{fill:var(--muted)}.svg-on-strong{fill:#fff}.svg-small{font-size:10px}
svg .svg-strong{font-size:15px;font-weight:600}
.svg-grid{stroke:var(--grid);stroke-width:1}.svg-panel{fill:var(--panel)}.svg-cell{fill:#3e63dd}
.svg-line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
footer{color:var(--muted);font-size:.85rem;margin-top:3em}
@media print{.banner{position:static}.card{break-inside:avoid}}
"""
