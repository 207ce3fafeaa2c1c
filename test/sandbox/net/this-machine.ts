import { readdir, readFile } from "node:fs/promises";
import { run } from "../../../sandbox/net/command.ts";

/** Everything of a machine's network that a careless program could change, as text. */
export type MachineNetwork = Readonly<Record<string, string>>;

/** Of machines under systemd-nspawn (npm run test:nspawn), which may run beside this. */
const NSPAWNS = /^builder-[0-9a-f]{8}$/;

/**
 * This machine's: links, addresses, routes, rules, nftables, named namespaces, forwarding,
 * resolver.
 */
export async function thisMachine(): Promise<MachineNetwork> {
  const ip = (...args: readonly string[]): Promise<string> => run("ip", args);
  return {
    links: await ip("-oneline", "link"),
    // Without the rest of their lifetimes.
    addresses: (await ip("-oneline", "address")).replaceAll(/\d+sec/g, "… sec"),
    routes4: await ip("-4", "route", "show", "table", "all"),
    routes6: (await ip("-6", "route", "show", "table", "all")).replaceAll(/\d+sec/g, "… sec"),
    rules4: await ip("-4", "rule"),
    rules6: await ip("-6", "rule"),
    nftables: await run("nft", ["list", "ruleset"]),
    namespaces: (await readdir("/run/netns").catch(() => [])).filter((name) => !NSPAWNS.test(name)).join("\n"),
    forwarding: await forwarding(),
    resolver: await readFile("/etc/resolv.conf", "utf8"),
  };
}

/** What is otherwise than before, line by line. */
export async function changedSince(before: MachineNetwork): Promise<readonly string[]> {
  const after = await thisMachine();
  return Object.keys(after).flatMap((what) => {
    const [old, now] = [(before[what] ?? "").split("\n"), (after[what] ?? "").split("\n")];
    const gone = old.filter((line) => !now.includes(line));
    const come = now.filter((line) => !old.includes(line));
    return [...gone.map((line) => `- ${what}: ${line}`), ...come.map((line) => `+ ${what}: ${line}`)];
  });
}

async function forwarding(): Promise<string> {
  const paths = ["ipv4/ip_forward", "ipv6/conf/all/forwarding"].map((path) => `/proc/sys/net/${path}`);
  return (await Promise.all(paths.map((path) => readFile(path, "utf8")))).join("");
}
