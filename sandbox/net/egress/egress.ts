import { randomBytes } from "node:crypto";
import { EXIT, SandboxFailure } from "../../failure.ts";
import type { NetworkNamespace } from "../namespace.ts";
import type { NetworkPlace } from "../place.ts";
import { connect, type VethEnd } from "../veth.ts";
import { OwnedTable } from "./owned-table.ts";
import { freeIpv4, randomIpv6, type Subnet } from "./subnet.ts";

const PREFIX = "sandbox-";
const UPLINK = "uplink0";

/**
 * A way out for a namespace: a cable to a machine, and that machine's address for what comes over
 * it (masquerade). On the machine this is one link and one nftables table, both ours by name; both
 * go at disposal, and also when this process is killed. The machine itself is not reached over it,
 * but for names.
 */
export class Egress implements AsyncDisposable {
  /** For a person: what there is on the machine, for now. */
  readonly told: string;
  readonly #machine: NetworkPlace;
  readonly #link: string;
  readonly #table: OwnedTable;

  private constructor(machine: NetworkPlace, link: string, table: OwnedTable, told: string) {
    this.#machine = machine;
    this.#link = link;
    this.#table = table;
    this.told = told;
  }

  /**
   * IPv6 as well where the machine has a route for it and forwards it. @throws {SandboxFailure} if
   * it does not even forward IPv4.
   */
  static async open(machine: NetworkPlace, namespace: NetworkNamespace): Promise<Egress> {
    if (!(await forwards(machine, "net.ipv4.ip_forward")))
      throw new SandboxFailure(
        EXIT.unavailable,
        "A way out needs a machine that forwards, which is nothing that a sandbox changes: do `sysctl -w net.ipv4.ip_forward=1` first.",
      );
    const id = randomBytes(3).toString("hex");
    const [link, name] = [`${PREFIX}${id}`, `sandbox_${id}`];
    const subnets = [await freeIpv4(machine), ...((await hasIpv6(machine)) ? [randomIpv6()] : [])];
    const table = await OwnedTable.make(machine, name, chainsFor(link, subnets));
    try {
      await connect(nearEnd(machine, link, subnets), farEnd(namespace, subnets));
    } catch (failure) {
      await table[Symbol.asyncDispose]();
      throw failure;
    }
    const addresses = subnets.map(({ near }) => near).join(", ");
    return new Egress(machine, link, table, `link ${link} (${addresses}) and nftables table inet ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // With one end the other goes; and with its namespace, if that was quicker.
    await this.#machine.run("ip", ["link", "delete", this.#link]).catch(() => undefined);
    await this.#table[Symbol.asyncDispose]();
  }
}

function chainsFor(link: string, subnets: readonly Subnet[]): readonly string[] {
  const translated = subnets.map(({ far }) => {
    const family = far.includes(":") ? "ip6" : "ip";
    return `${family} saddr ${bare(far)} oifname != "${link}" masquerade;`;
  });
  const neighbours = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;";
  const names = "meta l4proto { tcp, udp } th dport 53 accept;";
  return [
    `chain out { type nat hook postrouting priority srcnat; ${translated.join(" ")} }`,
    `chain machine { type filter hook input priority filter; iifname != "${link}" accept; ct state established,related accept; ${neighbours} ${names} reject with icmpx admin-prohibited; }`,
  ];
}

function nearEnd(machine: NetworkPlace, link: string, subnets: readonly Subnet[]): VethEnd {
  return { place: machine, link, addresses: subnets.map(({ near }) => near) };
}

function farEnd(namespace: NetworkNamespace, subnets: readonly Subnet[]): VethEnd {
  return {
    place: namespace,
    link: UPLINK,
    addresses: subnets.map(({ far }) => far),
    routes: subnets.map(({ near }) => ({ to: "default", via: bare(near) })),
  };
}

async function hasIpv6(machine: NetworkPlace): Promise<boolean> {
  const route = await machine.run("ip", ["-6", "route", "show", "default"]);
  return route !== "" && (await forwards(machine, "net.ipv6.conf.all.forwarding"));
}

async function forwards(machine: NetworkPlace, key: string): Promise<boolean> {
  return (await machine.run("sysctl", ["-n", key])).trim() !== "0";
}

function bare(cidr: string): string {
  return cidr.replace(/\/\d+$/, "");
}
