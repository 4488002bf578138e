/** The report's whole style: light or dark as the reader's system is, and plain ink on paper. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7c; --paper: #f6f7f9; --card: #fff; --rule: #e3e7ec;
  --c0: #2f6fd0; --c1: #d97a1e; --c2: #1f9a72; --c3: #b4447c; --c4: #7a5cc9; --c5: #8a7a12; --heat: 47 111 208; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a5b5; --paper: #12161c; --card: #1a2029; --rule: #2d3642;
  --c0: #6ea3f5; --c1: #f0a050; --c2: #4fc79d; --c3: #e383b2; --c4: #ab93ef; --c5: #cdbb4a; --heat: 70 125 215; } }
@media print { body { background: #fff } figure, section { break-inside: avoid } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: var(--paper) }
header, main, footer { max-width: 1240px; margin: 0 auto; padding: 0 24px }
header { padding-top: 32px }
h1 { margin: 0; font-size: 28px; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere }
header p { margin: 6px 0 20px; color: var(--soft); overflow-wrap: anywhere }
code { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.state { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 13px; color: #fff; background: var(--soft) }
.state.completed { background: #1c7f5e } .state.failed { background: #b3372f } .state.running { background: #2f6fd0 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 18px; align-items: start }
section.wide { grid-column: 1 / -1; overflow-x: auto }
section, figure { margin: 0; padding: 16px 18px; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; min-width: 0 }
figcaption { font-weight: 600; margin-bottom: 8px; overflow-wrap: anywhere }
svg { display: block; width: 100%; height: auto }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; background: #fff }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--rule) }
tbody tr:last-child > * { border-bottom: 0 }
th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere }
thead th { color: var(--soft); font-weight: 500; font-size: 13px }
.grid { stroke: var(--rule) } .axis { stroke: var(--soft) }
.tick, .label { font: 12px system-ui, sans-serif; fill: var(--soft) }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
${[0, 1, 2, 3, 4, 5].map((n) => `.line.c${n} { stroke: var(--c${n}) } .dot.c${n} { fill: var(--c${n}) } .key.c${n} { background: var(--c${n}) }`).join('\n')}
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0 0; padding: 0; list-style: none; color: var(--soft); font-size: 13px }
.key { display: inline-block; width: 18px; height: 3px; margin-right: 7px; vertical-align: middle; border-radius: 2px }
.scroll { overflow-x: auto }
.matrix th { text-align: center } .matrix tbody th { text-align: right; white-space: nowrap } .matrix .corner { text-align: left; font-size: 12px }
.matrix td { text-align: center; min-width: 56px; padding: 14px 8px; border: 2px solid var(--card); border-radius: 6px; background: rgb(var(--heat) / calc(.06 + .94 * var(--share))) }
.matrix td.dark { color: #fff }
footer { margin-top: 24px; padding-bottom: 32px; color: var(--soft); font-size: 13px }
`;
