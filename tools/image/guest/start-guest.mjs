import { spawn } from "node:child_process";
import { once } from "node:events";
import { qemuCommand } from "./qemu-command.mjs";
import { askQemu } from "./qmp.mjs";

const ORDER_DEADLINE_MS = 5000;

/**
 * Starts a guest. It lives until it powers off, is told to, or is killed: whoever starts it ends
 * it. It does not hear a terminal's Ctrl-C, which would be a power cut, and does not outlive this
 * process.
 * @param {import("./qemu-command.mjs").Guest} guest
 */
export async function startGuest(guest) {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...qemuCommand(guest)], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let complaints = "";
  child.stderr.on("data", (chunk) => (complaints += chunk));
  /** @type {Promise<{ code: number | null, complaints: string }>} */
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, complaints }));
  });
  // Whoever asks hears of it; nobody need ask.
  ended.catch(() => undefined);
  await once(child, "spawn");
  return {
    ended,
    /** As a power button does it: the guest stops its services first. */
    async powerOff() {
      await askQemu(guest.qmpSocket, "system_powerdown", { signal: AbortSignal.timeout(ORDER_DEADLINE_MS) });
    },
    /** As a power cut does it. */
    kill() {
      child.kill("SIGKILL");
    },
  };
}
