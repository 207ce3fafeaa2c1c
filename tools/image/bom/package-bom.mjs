import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { run } from "../../setup/child.mjs";
import { inTree, readIfThere } from "../../setup/tree.mjs";
import { bomOf } from "./bom.mjs";
import { goComponents } from "./go-components.mjs";
import { npmComponents } from "./npm-components.mjs";

const GO_DEADLINE_MS = 60_000;

/**
 * What is in the package: its programs, the Go modules in them, and the npm packages.
 * @param {object} of
 * @param {string} of.version Of the agent.
 * @param {import("../deb/architecture.mjs").Architecture} of.architecture
 * @param {readonly import("../deb/programs.mjs").Program[]} of.programs
 * @param {number} of.epochSeconds
 */
export async function packageBom({ version, architecture, programs, epochSeconds }) {
  const lockFile = readIfThere(inTree("package-lock.json"));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as npm writes it.
  const lock = /** @type {import("./npm-components.mjs").Lock} */ (JSON.parse(lockFile));
  const listings = await Promise.all(
    programs.filter(({ name }) => name !== "node").map(({ source }) => modules(source)),
  );
  return bomOf({
    subject: {
      type: "application",
      "bom-ref": "builder-agent",
      name: "builder-agent",
      version,
      purl: `pkg:deb/builder-agent@${version}?arch=${architecture.debian}`,
    },
    components: [
      ...programs.map((program) => ({
        type: /** @type {const} */ ("application"),
        "bom-ref": `program:${program.name}`,
        name: program.name,
        version: program.version,
        hashes: [{ alg: "SHA-256", content: sha256(program.source) }],
      })),
      ...npmComponents(lock, architecture.node),
      ...listings.flatMap(goComponents),
    ],
    epochSeconds,
  });
}

/**
 * The programs that the package brings along, for those who check an installed machine against it.
 * @param {object} of
 * @param {string} of.version
 * @param {import("../deb/architecture.mjs").Architecture} of.architecture
 * @param {readonly import("../deb/programs.mjs").Program[]} of.programs
 */
export function packageManifest({ version, architecture, programs }) {
  /** @type {Record<string, { version: string, path: string, sha256: string }>} */
  const described = {};
  for (const { name, version, place, source } of programs)
    described[name] = { version, path: `/${place}`, sha256: sha256(source) };
  return { schemaVersion: 1, agent: version, architecture: architecture.debian, programs: described };
}

/** @param {string} file */
const sha256 = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** @param {string} program */
const modules = (program) =>
  run({ what: "go version -m", command: "go", args: ["version", "-m", program], deadlineMs: GO_DEADLINE_MS });
