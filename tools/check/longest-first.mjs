import { BaseSequencer } from "vitest/node";

/**
 * Files that take longest, the longest first. Vitest knows how long a file takes only where it has
 * run before; in a fresh clone one of two minutes may be the last to begin, and all others wait
 * for it. A file that is not here begins after these.
 */
export const LONGEST = [
  "test/nspawn/an-idle-machine-starts-no-process",
  "test/nspawn/a-start-that-fails-for-a-minute-is-tried-again",
  "test/nspawn/what-is-killed-comes-back",
  "test/nspawn/builds-have-a-guarded-network",
  "test/fleet/a-change-of-the-control-planes-cas-fails-no-handshake",
  "test/journeys/causes/each-check-names-its-cause",
  "test/network/buildkit-itself-gets-no-further-than-a-step",
  "test/volume/a-bad-device-is-refused-and-untouched",
  "test/sandbox/a-person-runs-a-sandbox-from-up-to-ctrl-c",
  "test/network/what-somebody-changed-is-put-right",
  "test/network/a-verification-sees-each-hole",
  "test/network/nothing-forbidden-is-reached-from-a-build",
  "test/sandbox/tailnet/a-sandboxs-machine-joins-a-tailnet",
  "test/gateway/a-stranger-cannot-stall-the-door",
  "test/journeys/tailnet/no-crash-leaves-a-second-node",
  "test/buildkit/a-damaged-cache-is-set-aside-and-the-next-build-passes",
];

export class LongestFirst extends BaseSequencer {
  /** @override @param {import("vitest/node").TestSpecification[]} files */
  async sort(files) {
    const inUsualOrder = await BaseSequencer.prototype.sort.call(this, files);
    return inUsualOrder.toSorted((a, b) => rank(a.moduleId) - rank(b.moduleId));
  }
}

/** @param {string} file */
function rank(file) {
  const at = LONGEST.findIndex((name) => file.endsWith(`/${name}.test.ts`));
  return at === -1 ? LONGEST.length : at;
}
