import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { makeBundle } from "../../adapters/bundle/make-bundle.ts";
import { agentVersion } from "../../adapters/machine/versions.ts";
import { bundleName } from "../../core/bundle/name.ts";
import { CONTRACT } from "../../core/machine.ts";
import type { Bundle } from "../../ports/diagnostics.ts";
import { type BundleSources, bundleCollectors } from "./collectors.ts";
import { searchedSecrets } from "./secrets.ts";

export type ControlBundleSources = Omit<BundleSources, "logSinceMs" | "logMaxBytes">;

const DAY_MS = 86_400_000;
/** Some 2 MiB once it is packed. */
const LOG_MAX_BYTES = 16 * 1024 * 1024;

export async function controlBundle(
  sources: ControlBundleSources,
  environment: Readonly<Record<string, string | undefined>>,
  requestId: string,
  signal: AbortSignal,
): Promise<Bundle> {
  const { layout, config } = sources;
  const searched = await searchedSecrets({ layout, config, args: process.argv.slice(2), environment });
  const nowMs = Date.now();
  const name = bundleName(searched.machineId ?? hostname(), nowMs, randomBytes(8));
  const { bytes, report } = makeBundle({
    name,
    about: {
      ...{ madeBy: "control", requestId, agent: agentVersion(), contract: CONTRACT, node: process.versions.node },
      ...{ hostname: hostname(), uid: process.getuid?.(), machineId: searched.machineId },
    },
    collectors: bundleCollectors({ ...sources, logSinceMs: nowMs - DAY_MS, logMaxBytes: LOG_MAX_BYTES }),
    secrets: searched.secrets,
    ...(searched.unsearchable !== undefined && { unsearchable: searched.unsearchable }),
    nowMs: Date.now,
    signal,
  });
  const sha256 = createHash("sha256");
  let sizeBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const part of bytes as AsyncIterable<Buffer>) {
      sha256.update(part);
      sizeBytes += part.length;
      yield part;
    }
  }
  return {
    marker: name.marker,
    bytes: counted(),
    digest: () => ({ sha256: sha256.copy().digest("hex"), sizeBytes }),
    lacks: () => report().lacks.length,
  };
}
