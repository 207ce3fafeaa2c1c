import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadedConfig } from "../../agent/cli/config/config.ts";
import type { Environment } from "../../agent/cli/config/from-text.ts";
import { SECTIONS, type SectionName } from "../../agent/cli/config/keys.ts";
import { loadConfig } from "../../agent/cli/config/load.ts";
import { ConfigInvalid } from "../../agent/cli/config/problem.ts";

/** The keys without a default. */
export const REQUIRED = {
  "--control-plane-endpoint": "control.example.com:443",
  "--control-plane-ca-file": "/etc/ca.pem",
  "--identity-kind": "join-token",
  "--identity-token-file": "/run/token",
} as const;

/** A configuration file that lives as long as the scope. */
export async function tomlFile(content: string | Uint8Array): Promise<AsyncDisposable & { readonly file: string }> {
  const directory = await mkdtemp(join(tmpdir(), "builder-agent-config-"));
  const file = join(directory, "config.toml");
  await writeFile(file, content);
  return { file, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

export interface Given {
  /** Beside those of `REQUIRED`; undefined takes one of them away. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  readonly environment?: Environment;
  readonly file?: string;
}

/**
 * The required keys are given by flags unless `flags` says otherwise. Without a file the default
 * one is looked for, and is not there.
 */
export function load<S extends SectionName = SectionName>(
  { flags, environment = {}, file }: Given = {},
  sections: readonly S[] | typeof SECTIONS = SECTIONS,
): Promise<LoadedConfig<S>> {
  const given = Object.entries({ ...REQUIRED, ...flags }).flatMap(([flag, text]) =>
    text === undefined ? [] : [[flag, text] as const],
  );
  const origins = { flags: Object.fromEntries(given), environment };
  const { signal } = new AbortController();
  return loadConfig(file === undefined ? origins : { ...origins, file }, sections as readonly S[], signal);
}

export async function refusal(loading: Promise<unknown>): Promise<ConfigInvalid> {
  const failure = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (failure instanceof ConfigInvalid) return failure;
  throw new Error("The configuration was not refused", { cause: failure });
}
