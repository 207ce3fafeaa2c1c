import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupFailed } from "../../setup/failure.mjs";
import { inTree } from "../../setup/tree.mjs";
import { agentVersion } from "../agent-version.mjs";
import { debianComponents } from "../audit/debian-components.mjs";
import { issuesIn } from "../audit/tracker.mjs";
import { updatesOf } from "../audit/updates.mjs";
import { SUITE } from "../base/base-tar.mjs";
import { optionsOf, wrongUsage } from "./options.mjs";

/**
 * Compares an image's bill of materials with what Debian has, and says what it did not look at.
 * @param {readonly string[]} args
 */
export async function audit(args) {
  const { bom: bomFile, tracker: trackerFile } = optionsOf(args, {
    bom: { type: "string", default: join(inTree("dist/image"), `builder-agent-${agentVersion()}-amd64.cdx.json`) },
    tracker: { type: "string" },
  });
  const packages = debianComponents(jsonIn(bomFile, isBom, "a bill of materials: npm run image -- build makes one"));
  const tracker = trackerFile && jsonIn(trackerFile, isTracker, "what Debian's security tracker exports as JSON");
  const asked = await askedOf(packages);
  const issues = tracker ? issuesIn(sourcesOf(packages), tracker, SUITE) : [];
  const fixable = issues.filter(({ fixed }) => fixed !== "");
  const report = [
    `${packages.length} packages of Debian's in ${bomFile}`,
    ...asked.updates.map(({ name, version, newest, suite }) => `update   ${name} ${version} → ${newest} (${suite})`),
    ...issues.map(({ issue, source, version, fixed }) =>
      fixed ? `fixed    ${issue} ${source} ${version} → ${fixed}` : `open     ${issue} ${source} ${version}`,
    ),
    ...asked.unseen.map((what) => `not seen ${what}`),
    ...(tracker ? [] : ["not seen Debian's security tracker: --tracker FILE takes its export in JSON"]),
    "not seen npm packages, Go modules and Node: npm audit and govulncheck look at those",
  ];
  process.stdout.write(`${report.join("\n")}\n`);
  if (asked.updates.length + fixable.length > 0)
    throw new SetupFailed(
      `Debian has ${asked.updates.length} newer packages, and fixed ${fixable.length} issues that are in this image`,
      { advice: "npm run image -- build takes the updates" },
    );
  return [];
}

/** @param {ReturnType<typeof debianComponents>} packages */
async function askedOf(packages) {
  try {
    const { updates, unknown } = await updatesOf(packages, SUITE);
    return { updates, unseen: unknown.map((name) => `${name}: Debian has no such package in ${SUITE} any more`) };
  } catch (error) {
    if (!(error instanceof SetupFailed)) throw error;
    return { updates: [], unseen: [`whether Debian has newer packages: ${error.message}`] };
  }
}

/** @param {ReturnType<typeof debianComponents>} packages */
const sourcesOf = (packages) => [
  ...new Map(
    packages.map(({ source, sourceVersion: version }) => [`${source}@${version}`, { source, version }]),
  ).values(),
];

/**
 * @template T
 * @param {string} file
 * @param {(value: unknown) => value is T} is
 * @param {string} expected
 */
function jsonIn(file, is, expected) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw wrongUsage(`${file} cannot be read as JSON (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  if (is(value)) return value;
  throw wrongUsage(`${file} is not ${expected}`);
}

/** @param {unknown} value @returns {value is { components: readonly { purl?: string }[] }} */
const isBom = (value) => isRecord(value) && value["bomFormat"] === "CycloneDX" && Array.isArray(value["components"]);

/** @param {unknown} value @returns {value is import("../audit/tracker.mjs").Tracker} */
const isTracker = (value) =>
  isRecord(value) &&
  Object.values(value).every(
    (issues) =>
      isRecord(issues) && Object.values(issues).every((issue) => isRecord(issue) && isRecord(issue["releases"])),
  );

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
