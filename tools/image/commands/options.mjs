import { parseArgs } from "node:util";
import { SetupFailed } from "../../setup/failure.mjs";

const EX_USAGE = 64;

/**
 * @template {import("node:util").ParseArgsConfig["options"]} T
 * @param {readonly string[]} args
 * @param {T} options
 */
export function optionsOf(args, options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw wrongUsage(cause instanceof Error ? cause.message : String(cause));
  }
}

/** @param {string} what */
export const wrongUsage = (what) =>
  new SetupFailed(what, { advice: "npm run image -- --help shows what there is", exitCode: EX_USAGE });

/** @param {string} name @param {string} text @param {number} least @param {number} most */
export function wholeNumber(name, text, least, most) {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw wrongUsage(`--${name} is ${JSON.stringify(text)}, expected a whole number from ${least} to ${most}`);
}
