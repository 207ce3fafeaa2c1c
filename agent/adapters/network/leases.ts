import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { CNI_NETWORK, PROBE_CONTAINER } from "../../core/network/conflist.ts";

/**
 * Takes back the addresses of build steps that were killed with their BuildKit: it asks the plugins
 * for that at its next start, and they refuse, since the steps' networks are gone (ptp plugin
 * 1.1.1). Only while no BuildKit runs. `leasesDir`: host-local's; a file there is an address, and
 * tells whose.
 */
export async function takeBackLeases(leasesDir: string): Promise<void> {
  const dir = join(leasesDir, CNI_NETWORK);
  const addresses = (await readdir(dir).catch(() => [])).filter((name) => /^[\da-f.:]+$/i.test(name));
  for (const address of addresses) {
    const owner = await readFile(join(dir, address), "utf8").catch(() => "");
    // A verification may be under way.
    if (!owner.trim().startsWith(PROBE_CONTAINER)) await rm(join(dir, address), { force: true });
  }
}
