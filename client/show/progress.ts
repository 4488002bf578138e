import type { RunStatus, Step } from '../../domain/run-status.ts';
import type { Watcher } from '../temporal/watch.ts';
import { LABELS, stepLines, timeOf, trialText } from './step-lines.ts';
import { printable } from './text.ts';

/** Shows a run while it goes. */
export interface Progress extends Watcher {
  /** A line that stays. */
  say(text: string): void;
  /** Leaves what is shown as it is. */
  end(): void;
}

/** A live list on a terminal that tells its size, a line for each change elsewhere. */
export async function openProgress(out: NodeJS.WriteStream = process.stdout): Promise<Progress> {
  return out.isTTY && out.rows > 0 && process.env['TERM'] !== 'dumb'
    ? liveProgress(out)
    : plainProgress((line) => out.write(`${line}\n`));
}

export const silentProgress: Progress = { say() {}, status() {}, notice() {}, end() {} };

/** One line a change of a step; nothing is said twice. */
export function plainProgress(write: (line: string) => void, now: () => number = Date.now): Progress {
  const told = new Map<string, string>();
  let noticed: string | undefined;
  const tell = (name: string, state: string, line: string | undefined): void => {
    if (line === undefined || told.get(name) === state) return;
    told.set(name, state);
    write(line);
  };
  return {
    say: (text) => write(text),
    status(status) {
      for (const step of status.steps) {
        tell(step.name, key(step), plainLine(step, now()));
        if (step.name !== 'trials') continue;
        for (const trial of status.trials ?? []) tell(`trial ${trial.number}`, trial.state, `  ${trialText(trial)}`);
      }
    },
    notice(text) {
      if (text !== undefined && text !== noticed) write(`  ${printable(text)}`);
      noticed = text;
    },
    end() {},
  };
}

const key = (step: Step): string => `${step.state} ${step.state === 'running' ? (step.detail ?? '') : ''}`;

function plainLine(step: Step, now: number): string | undefined {
  if (step.state === 'waiting') return undefined;
  const time = step.state === 'done' || step.state === 'failed' ? ` in ${timeOf(step, now) || '0.0 s'}` : '';
  const detail = step.detail === undefined ? '' : `: ${printable(step.detail)}`;
  return `${LABELS[step.name]} (${printable(step.where)}) ${step.state}${time}${detail}`;
}

async function liveProgress(out: NodeJS.WriteStream): Promise<Progress> {
  const { createLogUpdate } = await import('log-update');
  const live = createLogUpdate(out);
  let latest: RunStatus | undefined;
  let noticed: string | undefined;
  let frame = 0;
  let ended = false;
  const draw = () => {
    if (ended) return;
    const lines = latest
      ? stepLines(latest, { now: Date.now(), columns: out.columns ?? 80, frame, colour: colours(out) })
      : [];
    if (lines.length > 0 || noticed !== undefined)
      live([...lines, ...(noticed === undefined ? [] : [`  ${printable(noticed)}`])].join('\n'));
  };
  const ticking = setInterval(() => {
    frame++;
    draw();
  }, 100);
  return {
    say(text) {
      if (!ended) live.clear();
      out.write(`${text}\n`);
      draw();
    },
    status(status) {
      latest = status;
      draw();
    },
    notice(text) {
      noticed = text;
    },
    end() {
      clearInterval(ticking);
      noticed = undefined;
      draw();
      ended = true;
      live.done();
    },
  };
}

/** https://no-color.org: any value but the empty one turns colours off. */
export function colours(out: NodeJS.WriteStream): boolean {
  return out.isTTY && !process.env['NO_COLOR'] && out.hasColors();
}
