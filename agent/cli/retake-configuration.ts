import type { Pulse } from "../lifecycle/pulse.ts";
import type { Log } from "../ports/log.ts";
import type { Config, LoadedConfig } from "./config/config.ts";
import { KEYS, type SectionName } from "./config/keys.ts";

/** What changes while a process runs. Every other key is read at its start. */
const TAKEN_LIVE = "log.level";

export interface RetakeOptions<S extends SectionName> {
  /** SIGHUP. */
  readonly hangup: Pulse;
  /** Reads the configuration again, from where it was read at the start. @throws {ConfigInvalid} */
  readonly load: () => Promise<LoadedConfig<S>>;
  /** As this process runs. */
  readonly config: Pick<Config, S | "log">;
  readonly log: Log & { setLevel(level: Config["log"]["level"]): void };
  /** After each, whatever came of it. */
  readonly afterEach?: () => void;
}

/**
 * Takes the configuration again at each SIGHUP: the log's level at once (`config.taken`); what else
 * has changed is named, for it needs a restart (`config.needs-restart`); of one that is wrong
 * nothing is taken (`config.refused`). Ends with `signal`.
 */
export async function retakeConfiguration<S extends SectionName>(
  { hangup, load, config, log, afterEach = () => undefined }: RetakeOptions<S>,
  signal: AbortSignal,
): Promise<void> {
  let { level } = config.log;
  for (let heard = 0; ; ) {
    await hangup.next(signal, heard);
    if (signal.aborted) return;
    heard = hangup.count;
    try {
      const { config: read } = await load();
      const now: Partial<Config> = read;
      const changed = changedKeys(config, now);
      const toRestart = changed.filter((path) => path !== TAKEN_LIVE);
      const levelNow = now.log?.level ?? level;
      log.setLevel(levelNow);
      log.info({ logLevel: levelNow, logLevelBefore: level }, "config.taken");
      level = levelNow;
      if (toRestart.length > 0) log.warn({ keys: toRestart }, "config.needs-restart");
    } catch (err) {
      if (!signal.aborted) log.error({ err }, "config.refused");
    }
    afterEach();
  }
}

/** Names only: some values are secrets by mistake. */
function changedKeys(before: Partial<Config>, after: Partial<Config>): readonly string[] {
  return KEYS.filter((key) => valueOf(before, key) !== valueOf(after, key)).map(({ path }) => path);
}

function valueOf(config: Partial<Config>, { section, name }: (typeof KEYS)[number]): string | undefined {
  const values: Readonly<Record<string, unknown>> = config[section] ?? {};
  return JSON.stringify(values[name]);
}
