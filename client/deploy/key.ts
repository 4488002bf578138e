import { createHash, randomBytes } from 'node:crypto';
import { KeyName } from '../../domain/deployments.ts';
import { parse } from '../../domain/validation.ts';
import { refused } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { DeploymentKeyOutput } from '../output.ts';
import { printJson } from '../show/json.ts';

/** `edge-train deployments key NAME`: a new key, which is kept nowhere, and what `site.yml` says of it. */
export function makeKey(name: string, { json = false }: { json?: boolean }): number {
  const named = parse(KeyName, name);
  if (!named.ok)
    throw refused(
      'No key was made.',
      [{ path: 'NAME', rule: named.issues[0]?.rule ?? '', value: JSON.stringify(name) }],
      'Name whose it is: edge-train deployments key ward-7.',
    );
  const key = randomBytes(32).toString('base64url');
  const sha256 = createHash('sha256').update(key).digest('hex');
  if (json) printJson<DeploymentKeyOutput>({ ok: true, name, key, sha256 });
  else
    process.stdout.write(
      [
        ...[
          `Key       ${key}`,
          '          for whoever asks the model; it is kept nowhere, so it is not shown again',
          '',
        ],
        ...['In site.yml, where only its SHA-256 stands:', 'deployments:', '  keys:', `    ${name}: ${sha256}`, ''],
      ].join('\n'),
    );
  return EXIT_CODE.done;
}
