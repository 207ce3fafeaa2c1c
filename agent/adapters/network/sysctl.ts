import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { BRIDGE } from "../../core/network/plan.ts";

/** Of the network that this process is in. */
const NET = "/proc/sys/net";

/**
 * Lets the machine pass packets on, both families. An interface that takes its router from advertisements does so further: a kernel that forwards would
 * otherwise forget the machine's own way out (accept_ra, Documentation/networking/ip-sysctl). @throws {AgentError} "network.failed"
 */
export async function letForward(): Promise<void> {
  if ((await read("ipv6/conf/all/forwarding")) !== "1") {
    for (const link of await readdir(join(NET, "ipv6/conf")).catch(() => []))
      if (link !== BRIDGE && (await read(`ipv6/conf/${link}/accept_ra`)) === "1")
        await set(`ipv6/conf/${link}/accept_ra`, "2");
  }
  await set("ipv6/conf/all/forwarding", "1");
  await set("ipv4/ip_forward", "1");
}

/** The bridge takes no advertisement from a build, waits for no address of its own to be proved free, and sends nobody elsewhere. */
export async function settleBridge(): Promise<void> {
  await set(`ipv6/conf/${BRIDGE}/disable_ipv6`, "0");
  await set(`ipv6/conf/${BRIDGE}/accept_ra`, "0");
  await set(`ipv6/conf/${BRIDGE}/accept_dad`, "0");
  await set(`ipv4/conf/${BRIDGE}/send_redirects`, "0");
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
