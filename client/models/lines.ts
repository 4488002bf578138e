import type { ModelAlias } from '../../domain/model-alias.ts';
import { LATEST } from '../../domain/model-alias.ts';
import type { DescribedModel, DescribedVersion } from '../../domain/model-catalog.ts';
import { table } from '../show/table.ts';
import { printable } from '../show/text.ts';

/** A model as people read it: its names, then its versions. */
export function modelLines({ model, site, aliases, newest, versions, registered }: DescribedModel): string[] {
  const names = [...aliases, ...(newest === undefined ? [] : [{ alias: LATEST, version: newest }])];
  const left = versions - registered.length;
  return [
    ...[fact('model', model), fact('site', site), ...names.map((alias) => fact(alias.alias, aliasText(alias))), ''],
    ...table(
      ['VERSION', 'REGISTERED', 'ALIASES', 'JOB', ''],
      registered.map(({ version, at, aliases, job, archived }) => [
        ...[String(version), minute(at), aliases.join(', ') || '-', job ?? '-', archived ? 'archived' : ''],
      ]),
    ),
    ...(left > 0 ? [`and ${left} older`] : []),
  ];
}

function aliasText({ version, from, by, at }: ModelAlias): string {
  if (by === undefined) return `version ${version}`;
  return `version ${version}, since ${minute(at)} by ${by}${from === undefined ? '' : `; before: version ${from}`}`;
}

/** A version and where it comes from. */
export function versionLines(model: string, described: DescribedVersion): string[] {
  const { version, archived, aliases, at, type, modelUri, image, lineage, tags } = described;
  const { registry, repository, tag, digest } = image;
  const data = lineage.data === undefined ? undefined : `sha256:${lineage.data}`;
  const amount = `(${lineage['data.files'] ?? '?'} files, ${lineage['data.bytes'] ?? '?'} bytes)`;
  const facts: [string, string | undefined][] = [
    ['version', `${model}:${version}${archived ? ', archived' : ''}`],
    ['aliases', aliases.join(', ') || undefined],
    ['registered', at],
    ['model', `${type} ${modelUri}`],
    ['image', `${registry}/${repository}:${tag}${digest === undefined ? ', which is not there' : `@${digest}`}`],
    ['run', lineage.workflow],
    ['job', lineage.job],
    ['MLflow run', lineage.run],
    ['trained on', lineage.virtualMachine],
    ['compute', lineage.computeTarget],
    ['data', data && `${data} ${amount}`],
    ['code', lineage.code && `sha256:${lineage.code}`],
    ['environment', lineage.environment],
    ['lock', lineage['environment.lock'] && `sha256:${lineage['environment.lock']}`],
    ['release', lineage.release && `sha256:${lineage.release}`],
    ['receipt', lineage.receipt && `sha256:${lineage.receipt}`],
    ...Object.entries(tags).map(([key, value]): [string, string] => ['tag', `${key}: ${value}`]),
  ];
  return facts.flatMap(([name, text]) => (text === undefined ? [] : [fact(name, text)]));
}

const fact = (name: string, text: string): string => `${name.padEnd(12)} ${printable(text)}`;
const minute = (at: string | undefined): string => at?.replace(/T(\d\d:\d\d):.*/, ' $1Z') ?? '-';
