import { readFileSync } from "node:fs";
import { optionsOf, wholeNumber, wrongUsage } from "../commands/options.mjs";

const PORT_MAX = 65_535;

/** @typedef {ReturnType<typeof bootOptions>} BootOptions */

/** @param {readonly string[]} args */
export function bootOptions(args) {
  const given = optionsOf(args, {
    "control-plane": { type: "string" },
    "server-name": { type: "string" },
    ca: { type: "string" },
    "join-token-file": { type: "string" },
    "build-port": { type: "string", default: "8443" },
    "health-port": { type: "string", default: "9464" },
    "ssh-key": { type: "string" },
    "ssh-port": { type: "string", default: "2222" },
    "cache-mib": { type: "string", default: "4096" },
    "memory-mib": { type: "string", default: "2048" },
    kvm: { type: "boolean", default: false },
  });
  return {
    plane: planeOf(given["control-plane"], given.ca, given["join-token-file"], given["server-name"]),
    buildPort: wholeNumber("build-port", given["build-port"], 1, PORT_MAX),
    healthPort: wholeNumber("health-port", given["health-port"], 1, PORT_MAX),
    sshPublicKey: given["ssh-key"] === undefined ? undefined : textOf("ssh-key", given["ssh-key"]),
    sshPort: wholeNumber("ssh-port", given["ssh-port"], 1, PORT_MAX),
    cacheMib: wholeNumber("cache-mib", given["cache-mib"], 64, 1 << 24),
    memoryMib: wholeNumber("memory-mib", given["memory-mib"], 512, 1 << 20),
    kvm: given.kvm,
  };
}

/**
 * A control plane that a person runs on this machine.
 * @param {string | undefined} address
 * @param {string | undefined} caFile
 * @param {string | undefined} tokenFile
 * @param {string | undefined} serverName
 */
function planeOf(address, caFile, tokenFile, serverName) {
  if (address === undefined) return undefined;
  const port = /^127\.0\.0\.1:(\d+)$/.exec(address)?.[1];
  if (port === undefined || caFile === undefined || tokenFile === undefined)
    throw wrongUsage("--control-plane is 127.0.0.1:PORT, and wants --ca and --join-token-file");
  return {
    port: wholeNumber("control-plane", port, 1, PORT_MAX),
    ca: textOf("ca", caFile),
    joinToken: textOf("join-token-file", tokenFile),
    // The guest reaches it under an address that is in no certificate.
    serverName: serverName ?? "localhost",
  };
}

/** @param {string} name @param {string} file */
function textOf(name, file) {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw wrongUsage(`--${name} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
