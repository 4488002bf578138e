import { inspect } from 'node:util';

/** How much of each failure is told again at the end: who sees only the last lines of a log still sees why. */
const retold = 1_500;

/** Counts what passed and failed, tells each failure when it happens and all of them again at the end. */
export class Tally {
  passed = 0;
  /** @type {{ name: string, why: string }[]} */
  failures = [];

  /** @param {(line: string) => void} log */
  constructor(log) {
    this.log = log;
  }

  /** @param {string} [line] what to tell; nothing when left out */
  pass(line) {
    this.passed += 1;
    if (line) this.log(line);
  }

  /**
   * @param {string} name
   * @param {unknown} why an error, or what to tell
   */
  fail(name, why) {
    const failure = { name, why: typeof why === 'string' ? why : inspect(why) };
    this.failures.push(failure);
    this.log(`  ✖ ${name}\n${indent(failure.why)}`);
  }

  /**
   * Says the last line.
   * @returns {number} the exit code: a run without tests is a failure
   */
  finish() {
    if (this.failures.length > 0) this.log('\nFailed:');
    for (const { name, why } of this.failures) this.log(`  ✖ ${name}\n${indent(why.slice(0, retold))}`);
    if (this.passed + this.failures.length === 0) this.log('\nNo test ran, which is a failure.');
    this.log(`\ntests: ${this.passed} passed, ${this.failures.length} failed`);
    return this.failures.length === 0 && this.passed > 0 ? 0 : 1;
  }
}

/** @param {string} text */
function indent(text) {
  return text.trimEnd().replace(/^/gm, '      ');
}
