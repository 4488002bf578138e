/** What a command prints with `--json`: one object in one line. The caller names its type of client/output.ts. */
export function printJson<Output extends object>(output: Output): void {
  process.stdout.write(`${JSON.stringify(output)}\n`);
}
