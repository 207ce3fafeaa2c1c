import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../setup/commands.mjs";
import { say } from "../../setup/progress.mjs";
import { bake } from "../bake/bake.mjs";
import { agentUserData, sshFor } from "../guest/agent-user-data.mjs";
import { blankDisk, overlayOn } from "../guest/disks.mjs";
import { makeSeed } from "../guest/seed.mjs";
import { startGuest } from "../guest/start-guest.mjs";
import { untilConsoleSays, untilHttpAnswers } from "../guest/wait-for.mjs";
import { optionsOf, wholeNumber, wrongUsage } from "./options.mjs";

const UP_DEADLINE_MS = 10 * 60_000;
const POWER_OFF_DEADLINE_MS = 90_000;
/** Of the host, as the guest sees it. */
const HOST = "10.0.2.100";

/** Boots the image until a person ends it. @param {readonly string[]} args */
export async function boot(args) {
  const options = bootOptions(args);
  const image = join(await bake(options.accelerator), "image.qcow2");
  const folder = mkdtempSync(join(tmpdir(), "builder-boot-"));
  try {
    const [disk, cache, seed] = [join(folder, "root.qcow2"), join(folder, "cache.qcow2"), join(folder, "seed.iso")];
    await overlayOn(image, disk);
    await blankDisk(cache, options.cacheMib);
    await makeSeed({ target: seed, userData: userDataOf(options) });
    const serialFile = join(folder, "console.log");
    const guest = await startGuest({
      disk,
      seed,
      drives: [{ file: cache, serial: "cache" }],
      forwards: forwardsOf(options),
      reaches: reachesOf(options),
      serialFile,
      qmpSocket: join(folder, "qmp.sock"),
      memoryMib: options.memoryMib,
      accelerator: options.accelerator,
    });
    await keep(guest, serialFile, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [];
}

/** @param {boolean} kvm @returns {"tcg" | "kvm"} */
const accelerator = (kvm) => (kvm ? "kvm" : "tcg");

/** @typedef {ReturnType<typeof bootOptions>} BootOptions */

/** @param {readonly string[]} args */
function bootOptions(args) {
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
  const plane = given["control-plane"];
  const planePort = plane === undefined ? undefined : /^127\.0\.0\.1:(\d+)$/.exec(plane)?.[1];
  if (plane !== undefined && (planePort === undefined || !given.ca || !given["join-token-file"]))
    throw wrongUsage("--control-plane is 127.0.0.1:PORT, and wants --ca and --join-token-file");
  return {
    planePort: planePort === undefined ? undefined : wholeNumber("control-plane", planePort, 1, 65535),
    serverName: given["server-name"],
    ca: given.ca ? readFileSync(given.ca, "utf8") : "",
    joinToken: given["join-token-file"] ? readFileSync(given["join-token-file"], "utf8").trim() : "",
    buildPort: wholeNumber("build-port", given["build-port"], 1, 65535),
    healthPort: wholeNumber("health-port", given["health-port"], 1, 65535),
    sshPublicKey: given["ssh-key"] ? readFileSync(given["ssh-key"], "utf8").trim() : undefined,
    sshPort: wholeNumber("ssh-port", given["ssh-port"], 1, 65535),
    cacheMib: wholeNumber("cache-mib", given["cache-mib"], 64, 1 << 24),
    memoryMib: wholeNumber("memory-mib", given["memory-mib"], 512, 1 << 20),
    accelerator: accelerator(given.kvm),
  };
}

/** @param {BootOptions} options */
function userDataOf({ planePort, serverName, ca, joinToken, sshPublicKey }) {
  if (planePort === undefined) return sshPublicKey ? sshFor(sshPublicKey) : { users: [] };
  const config = [
    "[controlPlane]",
    `endpoint = "${HOST}:${planePort}"`,
    'caFile = "/etc/builder-agent/control-plane-ca.pem"',
    ...(serverName ? [`serverName = ${JSON.stringify(serverName)}`] : []),
    "[identity]",
    'kind = "join-token"',
    "[cacheVolume]",
    'device = "/dev/disk/by-id/virtio-cache"',
    "[health]",
    // QEMU forwards to the guest's address, not to its loopback.
    'listen = "0.0.0.0:9464"',
    "",
  ];
  return agentUserData({
    config: config.join("\n"),
    controlPlaneCa: ca,
    joinToken,
    ...(sshPublicKey ? { sshPublicKey } : {}),
  });
}

/** @param {BootOptions} options */
const forwardsOf = ({ planePort, buildPort, healthPort, sshPublicKey, sshPort }) => [
  ...(planePort === undefined
    ? []
    : [
        { hostPort: buildPort, guestPort: 8443 },
        { hostPort: healthPort, guestPort: 9464 },
      ]),
  ...(sshPublicKey ? [{ hostPort: sshPort, guestPort: 22 }] : []),
];

/** @param {BootOptions} options */
function reachesOf({ planePort }) {
  if (planePort === undefined) return [];
  const busybox = findCommand("busybox");
  if (!busybox) throw wrongUsage("the guest reaches the control plane through busybox's nc: install busybox-static");
  return [{ guestAddress: HOST, guestPort: planePort, hostPort: planePort, busybox }];
}

/**
 * @param {Awaited<ReturnType<typeof startGuest>>} guest
 * @param {string} serialFile
 * @param {BootOptions} options
 */
async function keep(guest, serialFile, options) {
  const startedMs = performance.now();
  const over = new AbortController();
  const stop = () => over.abort();
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const ended = guest.ended.finally(stop);
  try {
    say(`booting (console: tail -f ${serialFile}) …`);
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(UP_DEADLINE_MS)]);
    await untilConsoleSays(serialFile, /login:/, signal);
    const health = `http://127.0.0.1:${options.healthPort}`;
    if (options.planePort !== undefined) await untilHttpAnswers(`${health}/livez`, signal);
    say(`it is up after ${Math.round((performance.now() - startedMs) / 1000)} s`);
    tell(options, health);
    await new Promise((resolve) => over.signal.addEventListener("abort", resolve, { once: true }));
  } catch (cause) {
    if (!over.signal.aborted) throw cause;
  } finally {
    say("powering it off …");
    const late = setTimeout(() => guest.kill(), POWER_OFF_DEADLINE_MS);
    await guest.powerOff().catch(() => guest.kill());
    const { complaints } = await ended;
    clearTimeout(late);
    process.off("SIGINT", stop).off("SIGTERM", stop);
    if (complaints) say(`QEMU said: ${complaints.trim()}`);
  }
}

/** @param {BootOptions} options @param {string} health */
function tell({ planePort, buildPort, sshPublicKey, sshPort }, health) {
  if (planePort === undefined)
    say("the agent waits for /etc/builder-agent/config.toml: boot it with --control-plane, --ca and --join-token-file");
  else {
    say(`builds come in at 127.0.0.1:${buildPort}`);
    say(`health: curl '${health}/readyz?verbose'`);
  }
  if (sshPublicKey) say(`ssh -p ${sshPort} builder@127.0.0.1`);
  say("Ctrl-C powers it off; nothing of it is kept");
}
