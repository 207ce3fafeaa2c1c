import { join } from "node:path";
import type { Config, Judged } from "./config.ts";
import type { Problem } from "./problem.ts";

export interface Completed {
  readonly config: Partial<Config>;
  readonly problems: readonly Problem[];
}

/** Gives the defaults that depend on other values. `credentialsDir` is systemd's $CREDENTIALS_DIRECTORY, which each unit has for itself. */
export function complete(judged: Partial<Judged>, credentialsDir: string | undefined): Completed {
  const { identity, paths, ...rest } = judged;
  const tokenFile = identity === undefined ? undefined : tokenFileOf(identity, credentialsDir);
  const config: Partial<Config> = {
    ...rest,
    ...(identity !== undefined && tokenFile !== undefined && { identity: { ...identity, tokenFile } }),
    ...(paths !== undefined && { paths: { ...paths, cacheDir: paths.cacheDir ?? join(paths.stateDir, "cache") } }),
  };
  const lacksToken = identity !== undefined && tokenFile === undefined;
  return { config, problems: lacksToken ? [noTokenFile(identity.kind)] : [] };
}

function tokenFileOf(identity: Judged["identity"], credentialsDir: string | undefined): string | undefined {
  return identity.tokenFile ?? (credentialsDir ? join(credentialsDir, identity.kind) : undefined);
}

function noTokenFile(kind: string): Problem {
  const expected = `an absolute path, or a credential named ${kind} in $CREDENTIALS_DIRECTORY, which is not set`;
  return { key: "identity.tokenFile", source: { from: "default" }, found: "nothing", expected };
}
