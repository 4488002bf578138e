import { Command } from 'commander';
import { VERSION } from '../../domain/version.ts';
import { cut, printable } from '../show/text.ts';
import type { Done } from './options.ts';
import { addCodecCommands } from './codec.ts';
import { addCredentialCommands } from './credential.ts';
import { addImageCommands } from './images.ts';
import { addLocalCommands } from './local.ts';
import { addModelCommands } from './models.ts';
import { addReceiptCommands } from './receipts.ts';
import { addRegistryCommands } from './registry.ts';
import { addRunCommands } from './runs.ts';
import { addScheduleCommands } from './schedules.ts';
import { addDeploymentCommands } from './deployments.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, cancelled or rejected, 2 refused input, 3 cannot reach a service,
130 interrupted (interrupting never stops a run). With --json, an error is one object on standard
output: {"ok": false, "exitCode", "failure": {"class", "type", "cause", "nextStep"}, "faults": […]}.`;

/**
 * Everything that `edge-train` can be asked. `done` gets the exit code; `quiet` keeps usage errors from being written,
 * for a caller that tells them in another form.
 */
export function program(done: Done, { quiet = false } = {}): Command {
  const edgeTrain = new Command('edge-train')
    .description('Train Azure Machine Learning jobs where the data lives.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      ...(quiet ? { writeErr: () => undefined } : {}),
      outputError: (text, write) => write(`edge-train: ${usageText(text)}\n`),
    })
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES);
  // A further group of commands is a file beside this one and a line here.
  addRunCommands(edgeTrain, done);
  addDeploymentCommands(edgeTrain, done);
  addModelCommands(edgeTrain, done);
  addRegistryCommands(edgeTrain, done);
  addReceiptCommands(edgeTrain, done);
  addImageCommands(edgeTrain, done);
  addScheduleCommands(edgeTrain, done);
  addCodecCommands(edgeTrain, done);
  addCredentialCommands(edgeTrain, done);
  addLocalCommands(edgeTrain, done);
  return edgeTrain;
}

/** Commander quotes what was typed as it is: escaped here, and cut, since it may be anything. */
export function usageText(text: string): string {
  const lines = text
    .replace(/^error: /, '')
    .trimEnd()
    .split('\n');
  return lines.map((line) => cut(printable(line), 300)).join('\n');
}
