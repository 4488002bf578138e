import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** How long a process may take to end by itself before it is killed. */
const grace = 10_000;

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
  const deadline = Date.now() + grace;
  while (carriers(variable, value).length > 0 && Date.now() < deadline) await pause(50);
  for (let round = 0; round < 100; round += 1) {
    const left = carriers(variable, value);
    if (left.length === 0) break;
    for (const { pid } of left) signal(pid, 'SIGKILL');
    await pause(50);
  }
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
