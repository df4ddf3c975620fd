"""The report's style sheet: one column on a phone, light or dark as the reader's system says, no external file."""

STYLE = """
:root{color-scheme:light dark;--bg:#fafaf9;--card:#fff;--text:#1c2024;--muted:#5b5f67;--grid:#e4e4e7;--panel:#f4f4f3;
--accent:#3358d4;--cell:#8ea6f5;--warn-bg:#ffe9c7;--warn-text:#6b3b00;--warn-line:#f0a020;--best:#0a6f44}
@media(prefers-color-scheme:dark){:root{--bg:#111113;--card:#19191b;--text:#edeef0;--muted:#a6aab1;--grid:#2e3035;
--panel:#1f2023;--accent:#8aa6ff;--cell:#2f4fb5;--warn-bg:#3d2a05;--warn-text:#ffdca3;--warn-line:#b97a12;
--best:#4cd398}}
*{box-sizing:border-box}
html{scroll-padding-top:64px}
@media(prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
body{margin:0;background:var(--bg);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:1120px;min-width:0;margin:0 auto;padding:20px 16px 80px}
h1{font-size:clamp(1.5rem,4.5vw,2.1rem);line-height:1.2;margin:.4em 0 .2em;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2em 0 .6em;padding-bottom:.3em;border-bottom:1px solid var(--grid);overflow-wrap:anywhere}
h3{font-size:1.08rem;margin:0 0 .5em;overflow-wrap:anywhere}
h4{font-size:.98rem;font-weight:600;margin:1em 0 .35em;overflow-wrap:anywhere}
h5{font-size:.9rem;font-weight:600;margin:.8em 0 .3em}
p{margin:.3em 0 .8em}
a{color:var(--accent)}
small{display:block;font-size:.78rem;font-weight:400;color:var(--muted)}
.muted,.note{color:var(--muted);font-size:.88rem}
.note{overflow-wrap:anywhere}
nav ul{list-style:none;margin:0;padding:0}
nav ul ul{padding-left:12px}
nav a{display:block;padding:5px 8px;border-radius:6px;text-decoration:none;overflow-wrap:anywhere}
nav a:hover,nav a:focus-visible{background:var(--panel)}
nav ul ul a{color:var(--muted);font-size:.92em}
.side{display:none}
.contents{border:1px solid var(--grid);border-radius:12px;background:var(--card);margin:14px 0 0;padding:0 12px}
.contents a{padding:11px 8px;min-height:44px}
.contents[open]{padding-bottom:8px}
.up{position:fixed;right:12px;bottom:12px;z-index:2;background:var(--card);border:1px solid var(--grid);
border-radius:22px;padding:12px 16px;font-size:.88rem;text-decoration:none;box-shadow:0 2px 8px #0003}
@media(min-width:1180px){
.page{display:grid;grid-template-columns:250px minmax(0,1120px);gap:0 24px;max-width:1400px;margin:0 auto}
.side{display:block;position:sticky;top:44px;align-self:start;max-height:calc(100vh - 44px);overflow-y:auto;
padding:24px 0 24px 16px;font-size:.88rem}
main{width:100%}
.contents,.up{display:none}}
.banner{position:sticky;top:0;z-index:3;background:var(--warn-bg);color:var(--warn-text);
border-bottom:2px solid var(--warn-line);padding:8px 16px;text-align:center;font-size:.95rem}
.banner strong{letter-spacing:.06em}
.banner span{margin-left:6px}
.badge{display:inline-block;background:var(--warn-bg);color:var(--warn-text);border:1px solid var(--warn-line);
border-radius:5px;font-size:.68rem;font-weight:700;letter-spacing:.05em;line-height:1.5;padding:0 5px;
vertical-align:1px;white-space:nowrap}
.card{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:16px;margin:0 0 16px}
.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr))}
.pair{display:grid;gap:20px;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));align-items:start}
.two{display:flex;flex-wrap:wrap;gap:0 28px}
.two>*{min-width:0;max-width:100%}.two>:nth-child(2){flex:1 1 320px}
.two .scroll{margin:0;padding:0}
.pair>*,.grid>*{min-width:0}
.grid .card{margin:0;padding:12px}
.grid .card>:first-child{margin-top:0}
.facts{display:grid;gap:10px 24px;grid-template-columns:repeat(auto-fill,minmax(min(100%,240px),1fr));margin:0 0 12px}
.facts dt{color:var(--muted);font-size:.82rem;font-weight:600}
.facts dd{margin:0;overflow-wrap:anywhere}
.meanings{list-style:none;margin:0 0 16px;padding:0;font-size:.88rem}
.meanings li{margin:0 0 4px}
.scroll{overflow-x:auto;margin:0 -16px;padding:0 16px}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-2px}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{padding:7px 10px;text-align:right;vertical-align:top;border-bottom:1px solid var(--grid);white-space:nowrap;
font-variant-numeric:tabular-nums}
thead th{color:var(--muted);font-weight:600;font-size:.82rem;vertical-align:bottom;white-space:normal;min-width:5.5em}
tbody th{font-weight:400}
th.text,td.text{text-align:left;white-space:normal;overflow-wrap:anywhere}
.names tbody th.text{min-width:9.5em}.few{width:auto;min-width:min(100%,420px)}
tbody:last-child tr:last-child>*{border-bottom:0}
.paper tr:first-child th{color:var(--muted);font-size:.82rem;font-weight:600;padding-top:14px}
.paper td,.paper th{color:var(--muted)}
.best{font-weight:700;color:var(--best)}
.confusion{width:auto;font-size:.8rem;border-spacing:2px;border-collapse:separate}
.confusion th,.confusion td{border:0;padding:5px 6px;text-align:center;vertical-align:middle;white-space:nowrap}
.confusion th{color:var(--text);font-weight:400;font-size:.8rem}
.confusion tbody th{text-align:right}
.confusion thead th{min-width:0}
.confusion thead td{color:var(--muted);font-size:.74rem}
.confusion tbody td{min-width:52px;border-radius:6px;background:color-mix(in srgb,var(--cell) var(--s),var(--panel))}
.confusion b{display:block;font-size:.98rem;font-weight:600}
details{border-top:1px solid var(--grid);margin-top:12px}
summary{cursor:pointer;color:var(--accent);font-size:.93rem;padding:10px 0;min-height:44px}
.contents summary{font-weight:600}
.contents,.card>details:first-child{border-top-width:0}
.contents{border-top-width:1px}
.card>details:first-child{margin-top:0}
.result>summary h4,.result>summary .muted{display:inline;margin:0 8px 0 0}
.result>summary h4{color:var(--accent)}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:.86rem;margin:.3em 0 .6em;padding:0;list-style:none}
.legend li{overflow-wrap:anywhere}
.legend i{display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.4em}
ul.note{padding-left:18px}
svg{display:block;width:100%;height:auto;max-width:560px}
svg text{font-family:inherit;font-size:11.5px}
.svg-muted{fill:var(--muted)}.svg-grid{stroke:var(--grid);stroke-width:1}.svg-panel{fill:var(--panel)}
.svg-cell{fill:#3e7bfa}
.svg-line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.svg-band{fill-opacity:.18}.svg-ring{fill:none;stroke-width:1.8}
.svg-dots{fill:none;stroke-linecap:round;stroke-opacity:.78}
footer{color:var(--muted);font-size:.85rem;margin-top:3em}
@media(max-width:640px){.banner{position:static}.card{padding:14px 12px}.scroll{margin:0 -12px;padding:0 12px}
th,td{padding:7px 8px}.names tbody th.text{min-width:8em}html{scroll-padding-top:12px}}
@media print{.banner{position:static}.card{break-inside:avoid}.side,.up,.contents{display:none}}
"""
