/** The report's look, for light and dark screens, phones and paper. Colours never say anything alone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fbfbfa; --card: #ffffff; --ink: #1b1f24; --quiet: #57606a; --rule: #d5dae0; --wash: #f0f3f6;
  --bad: #a4262c; --bad-wash: #fdf0ef; --good: #14663b; --good-wash: #edf7f1; --doubt: #7a5200; --doubt-wash: #fdf6e3;
  --go: #0b5cad; --back: #6f42a8; --ask: #57606a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161b; --card: #191e25; --ink: #e6e9ed; --quiet: #a2acb8; --rule: #343c46; --wash: #222932;
    --bad: #ff9a90; --bad-wash: #33201f; --good: #7fdca4; --good-wash: #17291f; --doubt: #f0c56a; --doubt-wash: #2e2716;
    --go: #7db8ff; --back: #cba6ff; --ask: #a2acb8;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, footer { max-width: 62rem; margin: 0 auto; padding: 1rem; }
header { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 0; }
header p { margin: 0; color: var(--quiet); }
h1 { margin: .4rem 0 .6rem; font-size: clamp(1.25rem, 1rem + 1.6vw, 1.9rem); line-height: 1.25; text-wrap: balance; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.05rem; }
p { margin: .4rem 0; max-width: 46rem; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875rem; }
.badge { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; font-weight: 600; font-size: .875rem; border: 1px solid currentColor; }
.fault { color: var(--bad); background: var(--bad-wash); }
.healthy { color: var(--good); background: var(--good-wash); }
.inconclusive { color: var(--doubt); background: var(--doubt-wash); }
.rule { color: var(--quiet); font-size: .875rem; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: 1rem 1.1rem; margin: .8rem 0; }
.card h2, .card h3 { margin-top: 0; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
.cure { border-left: .3rem solid var(--go); }
.shell { position: relative; }
pre { margin: .5rem 0; padding: .7rem .8rem; background: var(--wash); border-radius: .4rem; white-space: pre-wrap; }
.shell pre { padding-right: 4.6rem; }
button { position: absolute; top: .45rem; right: .45rem; padding: .2rem .6rem; font: inherit; font-size: .8rem; color: inherit;
  background: var(--card); border: 1px solid var(--rule); border-radius: .3rem; cursor: pointer; }
.drawing { overflow-x: auto; }
.drawing svg { display: block; height: auto; }
.way svg { max-width: 100%; }
figure { margin: .8rem 0; }
figcaption { color: var(--quiet); font-size: .875rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.scroll { overflow-x: auto; }
.scroll table { overflow-wrap: normal; }
.scroll td, .scroll th { min-width: 3rem; }
.scroll td:nth-child(n + 2) { min-width: 6rem; }
ul.plain { list-style: none; margin: 0; padding: 0; }
ul.plain.card { padding: .4rem 1.1rem; margin: .8rem 0; }
ul.plain > li { padding: .45rem 0; border-bottom: 1px solid var(--rule); }
ul.plain > li:last-child { border-bottom: 0; }
ul.plain > li { display: grid; grid-template-columns: 5.4rem 1fr; gap: 0 .4rem; }
ul.plain > li.whole { display: block; }
.kind { color: var(--quiet); font-size: .875rem; line-height: 1.7; }
details { margin: .6rem 0; }
summary { cursor: pointer; font-weight: 600; }
footer { color: var(--quiet); font-size: .875rem; border-top: 1px solid var(--rule); margin-top: 2rem; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .small { font-size: 11.5px; fill: var(--quiet); }
svg .strong { font-weight: 600; }
svg .line { stroke: var(--rule); fill: none; }
svg .unheard { stroke: var(--rule); stroke-dasharray: 2 5; fill: none; }
svg .box { fill: var(--wash); stroke: var(--rule); }
svg .request { stroke: var(--go); fill: none; stroke-width: 2; }
svg .reply { stroke: var(--back); fill: none; stroke-width: 2; stroke-dasharray: 7 3; }
svg .question { stroke: var(--ask); fill: none; stroke-width: 1.5; }
svg .answer { stroke: var(--ask); fill: none; stroke-width: 1.5; stroke-dasharray: 7 3; }
svg .error { stroke: var(--bad); fill: none; stroke-width: 1.5; }
svg .lost { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 2 4; fill: none; }
svg .cross { stroke: var(--bad); stroke-width: 2.5; fill: none; }
svg .mark { fill: var(--card); stroke-width: 2; stroke: var(--ink); }
svg .bad { fill: var(--bad); }
svg .lead { stroke: var(--rule); fill: none; }
svg .band { fill: var(--go); fill-opacity: .16; stroke: none; }
svg .median { stroke: var(--go); stroke-width: 2; }
svg .hit { fill: transparent; }
@media (hover: hover) { svg g:hover > .mark { stroke-width: 4; } }
@media (max-width: 40rem) { td, th { padding-right: .5rem; } ul.plain > li { display: block; } .kind { display: block; } }
@media print {
  body { background: #fff; font-size: 11pt; } .card { break-inside: avoid; border-color: #999; } button { display: none; }
  main, header, footer { max-width: none; padding-inline: 0; } .drawing, .scroll { overflow: visible; } .drawing svg { max-width: 100%; }
  details::details-content { content-visibility: visible; display: block; }
  pre, .way, tr { break-inside: avoid; } .cure { border-left-color: #000; } a { color: inherit; }
  :root { --ground: #fff; --card: #fff; --ink: #000; --quiet: #444; --rule: #999; --wash: #f4f4f4; --bad: #a4262c; --bad-wash: #fff; --good: #14663b; --good-wash: #fff; --doubt: #7a5200; --doubt-wash: #fff; --go: #0b5cad; --back: #6f42a8; --ask: #57606a; }
}
`;

/** Copies the commands beside a button. The report says everything without it: no script, no buttons. */
export const SCRIPT = `
for (const shell of document.querySelectorAll('.shell')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.setAttribute('aria-label', 'Copy the commands');
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(shell.querySelector('pre').textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  shell.append(button);
}
`;
