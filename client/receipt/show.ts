import { refused } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { ReceiptOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import { NoReceipt, readReceipt, type WhereRunsAre } from './read.ts';
import { receiptLines } from './lines.ts';

/** `edge-train receipt show FILE|RUN`: what it says, for people. @throws CommandError exit 2 for what is no receipt */
export async function showReceipt(given: string, options: WhereRunsAre & { readonly json?: boolean }): Promise<number> {
  const { digest, receipt } = await readReceipt(given, options).catch((error: unknown) => {
    if (!(error instanceof NoReceipt)) throw error;
    throw refused('That is no receipt.', [{ path: given, rule: error.message }], 'Name a receipt.json of a run.');
  });
  if (options.json) printJson<ReceiptOutput>({ ok: true, verified: false, digest, receipt });
  else
    process.stdout.write(
      `${[...receiptLines(digest, receipt), '', 'Not verified: see edge-train receipt verify --help'].join('\n')}\n`,
    );
  return EXIT_CODE.done;
}
