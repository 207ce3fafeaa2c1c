import { KeptDigests } from "../../adapters/bundle/kept-digests.ts";
import { secretsOfProcess } from "../../core/bundle/own-secrets.ts";
import { hearOfSecrets } from "../../core/secret.ts";
import type { Log } from "../../ports/log.ts";

/**
 * From now on `file` tells what the secrets of this process look like, so that a bundle can be
 * searched for them (docs/decisions/0056). `mode`: of the file. Never throws.
 */
export async function keepSecretsOut(
  file: string,
  mode: number,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<void> {
  const kept = await KeptDigests.open(file, mode, log);
  for (const secret of secretsOfProcess(process.argv.slice(2), environment)) kept.remember(secret);
  hearOfSecrets((secret) => kept.remember(secret));
}
