/** What the command line says when something is wrong: what happened, to what, and what to do next. */

/** Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 interrupted. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

export class Failure extends Error {
  override readonly name = "Failure";
  /** The next step, as a sentence or a command. */
  readonly remedy: string | undefined;
  readonly exitCode: number;

  constructor(message: string, remedy?: string, exitCode: number = EXIT_FAILED) {
    super(message);
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}
