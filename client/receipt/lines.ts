import type { ReceiptPredicate } from '../../domain/statement.ts';
import type { UplinkAccount } from '../../domain/uplink-account.ts';
import { formText } from '../../domain/verdict.ts';
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
    ...cageFacts(receipt),
    ['metrics', metrics.join(', ') || 'none'],
    ['parameters', parameters.join(', ') || 'none'],
    ['left', `${released.artifacts.length} files, ${released.bytes} bytes (sha256:${released.digest})`],
    ...(released.destination === undefined ? [] : [['sent to', released.destination] as [string, string]]),
    ['may have told', `at most ${receipt.bits.all} bits, of which ${receipt.bits.files} are in the files`],
  ];
  return [
    ...facts.map(([name, text]) => `${name.padEnd(15)}${printable(text)}`),
    '',
    ...table(
      ['SHA-256', 'BYTES', 'VERDICT', 'FILE', 'FORM'],
      released.artifacts.map(({ sha256, bytes, path }) => [
        ...[sha256, String(bytes), verdictOn(released, path), path],
        formOf(released, path, bytes),
      ]),
    ),
    ...(receipt.cage ? ['', ...measured(receipt.cage.files)] : []),
    ...(receipt.uplink ? ['', ...uplinkLines(receipt.uplink)] : []),
  ];
}

function cageFacts({ cage }: ReceiptPredicate): [string, string][] {
  if (!cage) return [];
  return [['cage', `${cage.tried.length} ways out were tried before the script started, and none was open`]];
}

/** What the script ran in, as root on the VM measured it. */
const measured = (files: Readonly<Record<string, string>>): string[] =>
  table(
    ['SHA-256', 'OF THE CAGE'],
    Object.entries(files).map(([path, sha256]) => [sha256, path]),
  );

/** By the uplink's own log, which edge-train cannot write to. */
function uplinkLines(uplink: UplinkAccount): string[] {
  if (uplink.state === 'not configured') return ['The uplink: not configured (uplinkLog in site.yml)'];
  if (uplink.state === 'unreadable') return [`The uplink’s log could not be read: ${printable(uplink.why)}`];
  const { client, from, until, destinations } = uplink;
  const during = `By the uplink’s own log, ${printable(client)} from ${from} to ${until}:`;
  if (destinations.length === 0) return [`${during} nothing`];
  return [
    during,
    ...table(
      ['SENT', 'RECEIVED', 'CONNECTIONS', 'REFUSED', 'DESTINATION'],
      destinations.map(({ sent, received, connections, refused, to }) => [
        ...[sent === undefined ? 'not logged' : String(sent), String(received)],
        ...[String(connections), String(refused), to],
      ]),
    ),
  ];
}

/** Whether the gate has written a file anew. */
function formOf({ verdicts }: ReceiptPredicate['released'], path: string, bytes: number): string {
  const found = verdicts.find((verdict) => verdict.path === path);
  return found ? formText(found, bytes) : '';
}

/** What the gate on the VM said of a file, with its reasons. */
function verdictOn({ verdicts }: ReceiptPredicate['released'], path: string): string {
  const found = verdicts.find((verdict) => verdict.path === path);
  return found ? [found.verdict, ...found.reasons].join(' ') : '-';
}
