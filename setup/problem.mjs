/** Something that set-up cannot do itself: one line that says what to run. Ends the process with status 3. */
export class SetupProblem extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'SetupProblem';
  }
}
