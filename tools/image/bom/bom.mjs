import { createHash } from "node:crypto";

/**
 * @typedef {object} Component Of a CycloneDX 1.5 document (https://cyclonedx.org/docs/1.5/json/).
 * @property {"application" | "library" | "operating-system"} type
 * @property {string} bom-ref
 * @property {string} name
 * @property {string} version
 * @property {string} [purl]
 * @property {ReadonlyArray<{ expression: string }>} [licenses]
 * @property {ReadonlyArray<{ alg: string, content: string }>} [hashes]
 */

/**
 * A whole CycloneDX document. The same content gives the same document, serial number included.
 * @param {object} of
 * @param {Component} of.subject What all of it is in.
 * @param {readonly Component[]} of.components Several may have the same bom-ref; the first stays.
 * @param {number} of.epochSeconds
 */
export function bomOf({ subject, components, epochSeconds }) {
  const byRef = new Map(components.toReversed().map((component) => [component["bom-ref"], component]));
  const sorted = [...byRef.values()].toSorted((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1));
  const digest = createHash("sha256")
    .update(JSON.stringify([subject, sorted]))
    .digest("hex");
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: { timestamp: new Date(epochSeconds * 1000).toISOString(), component: subject },
    components: sorted,
  };
}

/** Of version 8, whose bits we may choose (RFC 9562). @param {string} digest */
const uuidOf = (digest) =>
  digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, (_all, a, b, c, d, e) => `${a}-${b}-8${c}-8${d}-${e}`);
