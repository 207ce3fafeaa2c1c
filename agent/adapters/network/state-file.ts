import { readFile } from "node:fs/promises";
import type { AppliedNetwork, NetworkOrder } from "../../core/network/order.ts";
import { replaceFile } from "../../files/whole-file.ts";
import { anyText, finite, fromJson, list, object, oneOf, optional, orElse, yesOrNo } from "../../wire/fields.ts";
import { appliedField } from "./protocol.ts";

const order = object({
  tailnet: oneOf(["closed", "open"]),
  searchDomains: list(anyText),
  egress: object({ allowedCidrs: list(anyText), allowPrivateRanges: yesOrNo }),
  // An earlier version knew of none.
  mirrors: orElse(list(object({ address: anyText, port: finite() })), []),
  avoid: list(anyText),
  mayMove: yesOrNo,
});

const state = object({
  schemaVersion: oneOf([1]),
  order: optional(order),
  applied: appliedField,
  nameservers: list(anyText),
  guard: object({ script: anyText, kernel: anyText }),
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
    return fromJson(state, await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** Replaces it whole, for everybody to read. The same again leaves it as it is. */
export async function tellEverybody(file: string, text: string): Promise<void> {
  if ((await readFile(file, "utf8").catch(() => undefined)) === text) return;
  await replaceFile(file, text, { mode: 0o644 });
}
