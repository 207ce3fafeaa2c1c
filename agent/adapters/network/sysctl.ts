import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { BUILDS_LINK, isCable } from "../../core/network/plan.ts";

/** Of the network that this process is in. */
const NET = "/proc/sys/net";

/**
 * Lets the machine pass packets on, both families. An interface that takes its router from
 * advertisements does so further: a kernel that forwards would otherwise forget the machine's own
 * way out (accept_ra, Documentation/networking/ip-sysctl). @throws {AgentError} "network.failed"
 */
export async function letForward(): Promise<void> {
  if (hasIpv6()) await letForwardIpv6();
  await set("ipv4/ip_forward", "1");
}

/** Whether this machine's kernel has it: one that was started with `ipv6.disable=1` has not. */
export function hasIpv6(): boolean {
  return existsSync(join(NET, "ipv6/conf/all"));
}

async function letForwardIpv6(): Promise<void> {
  if ((await read("ipv6/conf/all/forwarding")) !== "1") {
    for (const link of await readdir(join(NET, "ipv6/conf")).catch(() => []))
      if (link !== BUILDS_LINK && !isCable(link) && (await read(`ipv6/conf/${link}/accept_ra`)) === "1")
        await set(`ipv6/conf/${link}/accept_ra`, "2");
  }
  await set("ipv6/conf/all/forwarding", "1");
}

/**
 * After so many unanswered retransmissions, some 100 s, a connection is dead: as long as RFC 1122,
 * section 4.2.3.5, asks for (tcp_retries2, Documentation/networking/ip-sysctl). Linux waits 15
 * minutes, and keepalive does not look while bytes are under way.
 */
const RETRANSMISSIONS = 8;

/**
 * A client whose link is gone without a word loses its session within 120 s, though bytes are under
 * way to it. One that answers but takes nothing, as a paused download, stays. Who has set less
 * keeps it. @throws {AgentError} "network.failed"
 */
export async function giveUpOnTheDead(): Promise<void> {
  const key = "ipv4/tcp_retries2";
  if (Number(await read(key)) > RETRANSMISSIONS) await set(key, `${RETRANSMISSIONS}`);
}

/** RFC 5382, REQ-5: so long at least is a silent connection kept, 2 h 4 min. Linux: five days. */
const SILENT_S = 7_440;

/**
 * What a step that was killed leaves in the table of connections goes within hours: it counts
 * against the next step with that address, and against the whole machine's table. Who has set less
 * keeps it. @throws {AgentError} "network.failed"
 */
export async function forgetTheSilent(): Promise<void> {
  const key = "netfilter/nf_conntrack_tcp_timeout_established";
  if (Number(await read(key)) > SILENT_S) await set(key, `${SILENT_S}`);
}

/**
 * `builds0` takes no advertisement, waits for no address of its own to be proved free, and sends
 * nobody elsewhere. The plugins take a new cable as this machine's defaults make it: with IPv6, and
 * at once, since only one step is on it.
 */
export async function settleLinks(): Promise<void> {
  await set(`ipv4/conf/${BUILDS_LINK}/send_redirects`, "0");
  if (!hasIpv6()) return;
  await set(`ipv6/conf/${BUILDS_LINK}/disable_ipv6`, "0");
  await set(`ipv6/conf/${BUILDS_LINK}/accept_ra`, "0");
  await set(`ipv6/conf/${BUILDS_LINK}/accept_dad`, "0");
  await set("ipv6/conf/default/disable_ipv6", "0");
  await set("ipv6/conf/default/accept_dad", "0");
}

/** Undefined if the kernel does not have it. */
async function read(key: string): Promise<string | undefined> {
  return readFile(join(NET, key), "utf8").then(
    (value) => value.trim(),
    () => undefined,
  );
}

async function set(key: string, value: string): Promise<void> {
  if ((await read(key)) === value) return;
  try {
    await writeFile(join(NET, key), value);
  } catch (cause) {
    const what = `net.${key.replaceAll("/", ".")}`;
    throw new AgentError(
      "network.failed",
      `Cannot set ${what} to ${value}: this kernel or this unit does not allow it`,
      {
        retryable: true,
        cause,
      },
    );
  }
}
