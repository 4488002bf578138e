import { readFileSync, readdirSync } from 'node:fs';
import { holdsWithin } from '../holds-within.mjs';

/** How long a process may take to end by itself before it is killed, and how long killing is tried. */
const grace = 10_000;
const killLimit = 5_000;

/**
 * Ends the processes that inherited a variable with this value, however far they have moved from the one that started
 * them: first asked, then killed. This process and those that it descends from do not count.
 * @param {string} variable
 * @param {string} value
 * @returns {Promise<string[]>} what was ended
 */
export async function endProcesses(variable, value) {
  const found = carriers(variable, value);
  const told = found.map(({ pid, command }) => `ended process ${pid}: ${command}`);
  for (const { pid } of found) signal(pid, 'SIGTERM');
  const areGone = () => carriers(variable, value).length === 0;
  if (await holdsWithin(grace, areGone)) return told;
  // One that is killed may have started another in between.
  await holdsWithin(killLimit, () => {
    for (const { pid } of carriers(variable, value)) signal(pid, 'SIGKILL');
    return areGone();
  });
  return told;
}

/**
 * When a process started, in clock ticks since boot: with the pid it names one process for ever.
 * @param {number} pid
 */
export function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** @param {string} variable @param {string} value */
function carriers(variable, value) {
  const found = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${variable}=${value}`)) continue;
      if (startTime(pid) === undefined) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 160);
      found.push({ pid, command });
    } catch {
      // it has ended, or is not ours to read
    }
  }
  return found;
}

/** @param {number} pid @param {NodeJS.Signals} name */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended by itself
  }
}
