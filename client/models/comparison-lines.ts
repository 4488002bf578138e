import type { Difference, FileDifference, VersionComparison } from '../../domain/model-comparison.ts';
import { table } from '../show/table.ts';

/** What two versions differ in, as people read it. */
export function comparisonLines(comparison: VersionComparison): string[] {
  const { one, other, lineage, tags, metrics, parameters, files, sameImage } = comparison;
  const names = [`${one.model}:${one.version}`, `${other.model}:${other.version}`] as const;
  const rows = [
    ...rowsOf('lineage', lineage),
    ...rowsOf('tag', tags),
    ...rowsOf('parameter', parameters ?? []),
    ...rowsOf('metric', metrics ?? []),
    ...(files ?? []).map((file) => ['file', file.path, fileText(file, 'one'), fileText(file, 'other')]),
  ];
  const unknown = [
    ...(metrics ? [] : ['metrics and parameters are not compared: a run is not in Azure ML any more']),
    ...(files ? [] : ['files are not compared: a receipt is not there, or is not the one that was registered']),
  ];
  return [
    ...(rows.length > 0 ? table(['WHAT', 'NAME', ...names], rows) : ['They do not differ in what is known of them.']),
    ...(sameImage === undefined
      ? []
      : [sameImage ? 'Both are served by the same image.' : 'Each has an image of its own.']),
    ...unknown,
  ];
}

const rowsOf = (what: string, differences: readonly Difference[]): string[][] =>
  differences.map(({ name, one = '-', other = '-' }) => [what, name, one, other]);

function fileText(file: FileDifference, side: 'one' | 'other'): string {
  const there = file[side];
  return there ? `${there.sha256.slice(0, 12)} ${there.bytes} bytes` : '-';
}
