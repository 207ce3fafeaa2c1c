/** sysexits: something that we may not install ourselves is missing. */
export const EX_UNAVAILABLE = 69;
/** sysexits: who runs this may not. */
export const EX_NOPERM = 77;

/** Why the machine could not be set up, and what a person can do about it. */
export class SetupFailed extends Error {
  /**
   * @param {string} what One sentence.
   * @param {{ advice?: string, output?: string, exitCode?: number, cause?: unknown }} [detail]
   */
  constructor(what, { advice = "", output = "", exitCode = 1, cause } = {}) {
    super(what, { cause });
    this.advice = advice;
    this.output = output;
    this.exitCode = exitCode;
  }

  report() {
    const indented = this.output.trimEnd().replace(/^/gm, "    ");
    return [this.message, this.output && indented, this.advice && `what to do: ${this.advice}`]
      .filter(Boolean)
      .join("\n");
  }
}
