/**
 * A machine's architecture as those name it from whom its parts come.
 * @typedef {object} Architecture
 * @property {"amd64" | "arm64"} debian Go says the same.
 * @property {string} node
 */

/** @type {Readonly<Record<"amd64" | "arm64", Architecture>>} */
export const architectures = {
  amd64: { debian: "amd64", node: "x64" },
  arm64: { debian: "arm64", node: "arm64" },
};
