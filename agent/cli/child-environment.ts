import { FILE_VARIABLE } from "./config/from-text.ts";
import { KEYS, type SectionName } from "./config/keys.ts";

/** What a process of Node's has to know of where it is. */
const OF_EVERY_PROCESS =
  /^(?:PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|TERM|NO_COLOR|JOURNAL_STREAM|NODE_\w+|CREDENTIALS_DIRECTORY|LISTEN_\w+)$/;

/**
 * Of our environment what a child needs that reads `sections`: the rest may hold a proxy's password
 * or somebody's token, and a process that is not asked for them shall not have them to lose.
 */
export function environmentFor(
  sections: readonly SectionName[],
  environment: Readonly<Record<string, string | undefined>>,
): NodeJS.ProcessEnv {
  const ours = new Set(KEYS.filter(({ section }) => sections.includes(section)).map(({ variable }) => variable));
  const isNeeded = (name: string): boolean => name === FILE_VARIABLE || ours.has(name) || OF_EVERY_PROCESS.test(name);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => isNeeded(name)));
}
