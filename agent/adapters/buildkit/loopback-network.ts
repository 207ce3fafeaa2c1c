/**
 * The network of a build step, as a CNI configuration list: a loopback and nothing else. BuildKit
 * insists on at least one network beside the loopback that it adds on its own; the plugin takes
 * "lo" whatever name it is given.
 */
export const LOOPBACK_ONLY = `${JSON.stringify({
  cniVersion: "1.0.0",
  name: "builder-agent-loopback-only",
  plugins: [{ type: "loopback" }],
})}\n`;
