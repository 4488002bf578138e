import type { ReceiptPredicate } from '../../domain/statement.ts';
import { table } from '../show/table.ts';
import { printable } from '../show/text.ts';

/** A receipt as people read it: who trained what on which data, who let it out, and each file that left. */
export function receiptLines(digest: string, receipt: ReceiptPredicate): string[] {
  const { approval, code, data, environment, metrics, parameters, released, training, virtualMachine } = receipt;
  const facts: [string, string][] = [
    ['receipt', `sha256:${digest}`],
    ['run', `${receipt.workflowId} (job ${receipt.job})`],
    ['site', `${receipt.site} (site file sha256:${receipt.siteFile})`],
    ['VM', `${virtualMachine.name} (boot ${virtualMachine.bootId}, bundle sha256:${virtualMachine.bundle})`],
    ['data', `sha256:${data.rootDigest} (${data.files} files, ${data.bytes} bytes)`],
    ['code', code === undefined ? 'none' : `sha256:${code}`],
    ['environment', `${environment.digest} (lock sha256:${environment.lock})`],
    ['trained', `${training.startedAt} to ${training.endedAt} (starts: ${training.starts})`],
    [
      'approved',
      approval
        ? `by ${approval.by}: ${approval.reason}${approval.givenFor ? ` (for job ${approval.givenFor}, of the same recipe)` : ''}`
        : 'by nobody: the site asked for no approval',
    ],
    ['metrics', metrics.join(', ') || 'none'],
    ['parameters', parameters.join(', ') || 'none'],
    ['left', `${released.artifacts.length} files, ${released.bytes} bytes (sha256:${released.digest})`],
    ['may have told', `at most ${receipt.bits.all} bits, of which ${receipt.bits.files} are in the files`],
  ];
  return [
    ...facts.map(([name, text]) => `${name.padEnd(15)}${printable(text)}`),
    '',
    ...table(
      ['SHA-256', 'BYTES', 'VERDICT', 'FILE'],
      released.artifacts.map(({ sha256, bytes, path }) => [sha256, String(bytes), verdictOn(released, path), path]),
    ),
  ];
}

/** What the gate on the VM said of a file, with its reasons. */
function verdictOn({ verdicts }: ReceiptPredicate['released'], path: string): string {
  const found = verdicts.find((verdict) => verdict.path === path);
  return found ? [found.verdict, ...found.reasons].join(' ') : '-';
}
