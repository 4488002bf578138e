import { cut, printable } from '../show/text.ts';
import { drawn, numberText, type Curve } from './curves.ts';

const ROWS = 6;
/** The dots of a braille cell, by column and row: https://www.unicode.org/charts/PDF/U2800.pdf */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/** A curve as lines of text, none wider than `columns`: its name, its last, least and greatest value, and the line itself. */
export function plotLines(curve: Curve, columns: number): string[] {
  const points = drawn(curve);
  const name = printable(curve.name);
  const last = points.at(-1);
  if (!last) return [cut(`${name}: no numbers`, columns), ''];
  const ys = points.map(({ y }) => y);
  const [least, most] = [ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b))];
  const told = `${name}  ${numberText(last.y)}`;
  if (points.length === 1) return [cut(told, columns), ''];
  const labels = [numberText(most), ...Array.from({ length: ROWS - 2 }, () => ''), numberText(least)];
  const width = Math.max(...labels.map((label) => label.length));
  const rows = braille(points, Math.max(8, columns - width - 3), { least, most });
  const from = numberText(points[0]?.x ?? 0);
  const to = numberText(last.x);
  const axis = ' '.repeat(Math.max(1, columns - width - 3 - from.length - to.length));
  return [
    cut(`${told}  (least ${numberText(least)}, greatest ${numberText(most)}, ${points.length} points)`, columns),
    ...rows.map((row, index) => cut(`${(labels[index] ?? '').padStart(width)} ┤${row}`, columns)),
    cut(`${' '.repeat(width + 2)}${from}${axis}${to}`, columns),
    '',
  ];
}

function braille(
  points: readonly { x: number; y: number }[],
  cells: number,
  { least, most }: { least: number; most: number },
): string[] {
  const [wide, high] = [cells * 2, ROWS * 4];
  const grid = Array.from({ length: ROWS }, () => new Uint8Array(cells));
  const left = points[0]?.x ?? 0;
  const across = Math.max(1e-300, (points.at(-1)?.x ?? 0) - left);
  const up = most - least;
  const at = ({ x, y }: { x: number; y: number }) => ({
    column: Math.round(((x - left) / across) * (wide - 1)),
    row: up > 0 ? Math.round((1 - (y - least) / up) * (high - 1)) : Math.floor(high / 2),
  });
  const set = (column: number, row: number): void => {
    const line = grid[row >> 2];
    if (line) line[column >> 1] = (line[column >> 1] ?? 0) | (DOTS[column & 1 ? 1 : 0][row & 3] ?? 0);
  };
  for (let index = 1; index < points.length; index++) {
    const [a, b] = [at(points[index - 1]!), at(points[index]!)];
    const steps = Math.max(1, Math.abs(b.column - a.column), Math.abs(b.row - a.row));
    for (let step = 0; step <= steps; step++)
      set(
        Math.round(a.column + ((b.column - a.column) * step) / steps),
        Math.round(a.row + ((b.row - a.row) * step) / steps),
      );
  }
  return grid.map((line) => String.fromCodePoint(...[...line].map((dots) => 0x2800 + dots)).replace(/\u2800+$/, ''));
}
