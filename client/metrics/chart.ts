import { drawn, numberText, type Curve } from './curves.ts';
import { escapeHtml } from './escape.ts';

const WIDTH = 560;
const HEIGHT = 280;
const AREA = { left: 64, right: 16, top: 14, bottom: 40 };
/** More cannot be told apart at this width. */
const MOST_POINTS = 600;
const DOTTED = 60;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Several curves over one pair of axes, as SVG. Their colours are the classes `c0`, `c1`, … of the page's style. */
export function chart(curves: readonly Curve[], title: string): string {
  const lines = curves.map((curve) => ({ name: curve.name, points: thinned(drawn(curve)) }));
  const all = lines.flatMap(({ points }) => points);
  const x = scale(extent(all.map((point) => point.x)), [AREA.left, WIDTH - AREA.right], true);
  const y = scale(extent(all.map((point) => point.y)), [HEIGHT - AREA.bottom, AREA.top], false);
  const at = (point: Point) => `${x.at(point.x).toFixed(1)},${y.at(point.y).toFixed(1)}`;
  const base = HEIGHT - AREA.bottom;
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">`,
    ...y.ticks.map(
      (tick) =>
        `<line class="grid" x1="${AREA.left}" x2="${WIDTH - AREA.right}" y1="${y.at(tick).toFixed(1)}" y2="${y.at(tick).toFixed(1)}"/><text class="tick" x="${AREA.left - 8}" y="${(y.at(tick) + 4).toFixed(1)}" text-anchor="end">${numberText(tick)}</text>`,
    ),
    `<line class="axis" x1="${AREA.left}" x2="${WIDTH - AREA.right}" y1="${base}" y2="${base}"/>`,
    ...x.ticks.map(
      (tick) =>
        `<text class="tick" x="${x.at(tick).toFixed(1)}" y="${base + 18}" text-anchor="middle">${numberText(tick)}</text>`,
    ),
    `<text class="label" x="${(AREA.left + WIDTH - AREA.right) / 2}" y="${HEIGHT - 4}" text-anchor="middle">step</text>`,
    ...lines.flatMap(({ name, points }, index) => [
      `<polyline class="line c${index}" points="${points.map(at).join(' ')}"/>`,
      ...(points.length <= DOTTED ? points.map((point) => dot(point, name, index, at(point))) : []),
    ]),
    '</svg>',
  ].join('\n');
}

function dot({ x, y }: Point, name: string, index: number, at: string): string {
  const [cx = '', cy = ''] = at.split(',');
  return `<circle class="dot c${index}" cx="${cx}" cy="${cy}" r="3"><title>${escapeHtml(name)}, step ${numberText(x)}: ${numberText(y)}</title></circle>`;
}

/** First, least, greatest and last of so many even stretches: no peak is lost. */
function thinned(points: readonly Point[]): Point[] {
  if (points.length <= MOST_POINTS) return [...points];
  const size = Math.ceil(points.length / (MOST_POINTS / 4));
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const some = points.slice(start, start + size);
    const least = some.reduce((a, b) => (b.y < a.y ? b : a));
    const most = some.reduce((a, b) => (b.y > a.y ? b : a));
    const wanted = new Set([some[0], least, most, some.at(-1)]);
    kept.push(...some.filter((point) => wanted.has(point)));
  }
  return kept;
}

function extent(numbers: readonly number[]): [number, number] {
  const least = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const most = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  if (most > least) return [least, most];
  const room = Math.abs(least) / 10 || 1;
  return [least - room, least + room];
}

/** `whole`: ticks at whole numbers only, and no room left beside. */
function scale([least, most]: [number, number], [from, to]: [number, number], whole: boolean) {
  const step = niceStep((most - least) / 5, whole);
  const low = whole ? least : Math.floor(least / step) * step;
  const high = whole ? most : Math.ceil(most / step) * step;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.min(12, Math.floor(high / step + 1e-9) - first + 1);
  return {
    ticks: Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step),
    at: (value: number) => from + ((value - low) / (high - low || 1)) * (to - from),
  };
}

function niceStep(rough: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  return whole ? Math.max(1, Math.round(nice)) : nice;
}
