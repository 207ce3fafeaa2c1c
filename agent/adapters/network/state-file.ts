import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { AppliedNetwork, NetworkOrder } from "../../core/network/order.ts";
import { replaceFile } from "../../files/whole-file.ts";
import { Applied } from "./protocol.ts";

const OrderSchema = z.object({
  tailnet: z.enum(["closed", "open"]),
  searchDomains: z.array(z.string()),
  egress: z.object({ allowedCidrs: z.array(z.string()), allowPrivateRanges: z.boolean() }),
  // An earlier version knew of none.
  mirrors: z.array(z.object({ address: z.string(), port: z.number() })).default([]),
  avoid: z.array(z.string()),
  mayMove: z.boolean(),
});

const StateSchema = z.object({
  schemaVersion: z.literal(1),
  order: OrderSchema.exactOptional(),
  applied: Applied,
  nameservers: z.array(z.string()),
  guard: z.object({ script: z.string(), kernel: z.string() }),
});

/** Fingerprints of what was asked of the kernel, and of what it then told. */
export interface GuardInForce {
  readonly script: string;
  readonly kernel: string;
}

/**
 * What was applied last: `network.json`. Lost with the machine's memory, as what it tells of is.
 */
export interface NetworkState {
  readonly schemaVersion: 1;
  /** Absent: nobody has ordered anything yet, and builds reach nothing but names. */
  readonly order?: NetworkOrder;
  readonly applied: AppliedNetwork;
  /** What builds' resolv.conf names. */
  readonly nameservers: readonly string[];
  readonly guard: GuardInForce;
}

/** Undefined where there is none, or none that this version understands. */
export async function readState(file: string): Promise<NetworkState | undefined> {
  try {
    return StateSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}

/** Replaces it whole, for everybody to read. The same again leaves it as it is. */
export async function tellEverybody(file: string, text: string): Promise<void> {
  if ((await readFile(file, "utf8").catch(() => undefined)) === text) return;
  await replaceFile(file, text, { mode: 0o644 });
}
