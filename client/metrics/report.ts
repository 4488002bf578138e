import { chart } from './chart.ts';
import type { ConfusionMatrix } from './confusion-matrix.ts';
import { drawn, numberText, type Curve } from './curves.ts';
import { escapeHtml } from './escape.ts';
import { STYLE } from './style.ts';

export interface Report {
  readonly workflowId: string;
  readonly site: string;
  readonly model?: string;
  readonly job: string;
  readonly state: string;
  readonly curves: readonly Curve[];
  readonly matrix?: ConfusionMatrix;
  /** PNG files that the script logged. */
  readonly pictures: readonly { readonly name: string; readonly png: Buffer }[];
  readonly madeAt: Date;
}

/** One page that needs nothing but itself: no script, nothing fetched, and a policy in it that says so to the browser. */
export function reportPage(report: Report): string {
  const { workflowId, site, model, job, state, curves, matrix, pictures, madeAt } = report;
  const title = model ?? workflowId;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Metrics of ${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p><span class="state ${escapeHtml(state.toLowerCase())}">${escapeHtml(state)}</span> at ${escapeHtml(site)} · <code>${escapeHtml(workflowId)}</code> · job <code>${escapeHtml(job)}</code></p>
</header>
<main>
${table(curves)}
${grouped(curves).map(figure).join('\n')}
${matrix ? matrixFigure(matrix) : ''}
${pictures.map(picture).join('\n')}
</main>
<footer>As the script logged it, from the site’s own storage. It is not rounded and may hold what must not leave the site. Made ${madeAt.toISOString().slice(0, 16).replace('T', ' ')} UTC by edge-train.</footer>
</body>
</html>
`;
}

function table(curves: readonly Curve[]): string {
  const rows = curves.map((curve) => {
    const ys = drawn(curve).map(({ y }) => y);
    const last = curve.points.at(-1)?.value ?? null;
    const cells = [
      last === null ? '–' : numberText(last),
      ys.length > 0 ? numberText(ys.reduce((a, b) => Math.min(a, b))) : '–',
      ys.length > 0 ? numberText(ys.reduce((a, b) => Math.max(a, b))) : '–',
      String(curve.points.length),
    ];
    return `<tr><th scope="row">${escapeHtml(curve.name)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<section class="wide"><table><thead><tr><th>metric</th><th>last</th><th>least</th><th>greatest</th><th>points</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></section>`;
}

const PART =
  /^(train|training|val|valid|validation|test|eval)[_/. :-]|[_/. :-](train|training|val|valid|validation|test|eval)$/i;
/** As many as the page has colours for. */
const MOST_CURVES = 6;

/** `train_loss` and `val_loss` are one picture; a metric with one number has none. */
function grouped(curves: readonly Curve[]): { title: string; curves: Curve[] }[] {
  const groups: { title: string; curves: Curve[] }[] = [];
  for (const curve of curves.filter((each) => drawn(each).length > 1)) {
    const title = curve.name.replace(PART, '') || curve.name;
    const group = groups.find((each) => each.title === title && each.curves.length < MOST_CURVES);
    if (group) group.curves.push(curve);
    else groups.push({ title, curves: [curve] });
  }
  return groups;
}

function figure({ title, curves }: { title: string; curves: readonly Curve[] }): string {
  const legend = curves.map(({ name }, index) => `<li><span class="key c${index}"></span>${escapeHtml(name)}</li>`);
  const heading = curves.length === 1 ? (curves[0]?.name ?? title) : title;
  return `<figure><figcaption>${escapeHtml(heading)}</figcaption>
${chart(curves, heading)}
${curves.length > 1 ? `<ul class="legend">${legend.join('')}</ul>` : ''}</figure>`;
}

function matrixFigure({ labels, matrix }: ConfusionMatrix): string {
  const most = Math.max(...matrix.flat().map(Math.abs), 1e-300);
  const head = labels.map((label) => `<th scope="col">${escapeHtml(label)}</th>`).join('');
  const rows = matrix.map((row, index) => {
    const cells = row.map((value) => {
      const share = Math.max(0, value) / most;
      return `<td class="${share > 0.55 ? 'dark' : ''}" style="--share:${share.toFixed(3)}">${numberText(value)}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(labels[index] ?? '')}</th>${cells.join('')}</tr>`;
  });
  return `<figure><figcaption>Confusion matrix</figcaption><div class="scroll"><table class="matrix"><thead><tr><th class="corner">true ╲ predicted</th>${head}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div></figure>`;
}

const picture = ({ name, png }: Report['pictures'][number]): string =>
  `<figure><figcaption>${escapeHtml(name)}</figcaption><img alt="${escapeHtml(name)}" src="data:image/png;base64,${png.toString('base64')}"></figure>`;
