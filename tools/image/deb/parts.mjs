import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** On a machine. The units of the gateway and of BuildKit copy it as they start. */
export const PARTS_FILE = "usr/share/builder-agent/parts";

const UNITS = "usr/lib/systemd/system";
const BIN = "usr/lib/builder-agent/bin";

/**
 * What of a part is in force only once its unit starts anew. The gateway's program is none of it:
 * that is replaced under open builds.
 */
const PARTS = {
  gateway: [`${UNITS}/builder-agent-gateway.service`, `${BIN}/keep-gateway`],
  buildkit: [`${UNITS}/buildkitd.service`, `${BIN}/start-buildkitd`, `${BIN}/runc`, `${BIN}/buildkitd`],
};

/**
 * "gateway DIGEST", a line a part. What a unit's comments say decides nothing.
 * @param {string} root The package's.
 */
export function partsOf(root) {
  const lines = Object.entries(PARTS).map(([part, files]) => {
    const digest = createHash("sha256");
    for (const file of files) {
      const content = readFileSync(join(root, file));
      digest.update(file.endsWith(".service") ? withoutComments(content.toString()) : content);
    }
    return `${part} ${digest.digest("hex")}\n`;
  });
  return lines.join("");
}

/** @param {string} unit */
const withoutComments = (unit) => unit.replaceAll(/^(?:#.*)?\n/gm, "");
