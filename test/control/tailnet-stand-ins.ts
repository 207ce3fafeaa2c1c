import { Secret } from "../../agent/core/secret.ts";
import type { TailnetMembership, TailnetWish } from "../../agent/core/tailnet/wish.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { ApiOrder, TailnetApi, TailnetJoin, TailnetNode } from "../../agent/ports/tailnet.ts";

export function membership(over: Partial<TailnetMembership> = {}): TailnetMembership {
  return {
    grantId: "grant-1",
    nodeId: "n1",
    name: "builder-m1.tailnet.test",
    addresses: ["100.64.0.7"],
    tags: ["tag:builder"],
    magicDnsSuffix: "tailnet.test",
    offeredRoutes: [],
    acceptsRoutes: false,
    ...over,
  };
}

export function tailnetWish(over: Partial<TailnetWish> = {}): TailnetWish {
  return {
    grantId: "grant-1",
    credential: { kind: "oauth-client", clientId: "c", clientSecret: new Secret("s") },
    tags: ["tag:builder"],
    acceptRoutes: false,
    required: false,
    ...over,
  };
}

/** A daemon that does what it is asked, and writes it down. */
export class NodeStandIn implements TailnetNode {
  readonly done: string[] = [];
  /** What the next joins come to; after the last, all go well. */
  joins: (Error | "hangs")[] = [];
  recalled: (TailnetMembership | Error | undefined)[] = [];
  left: { readonly loggedOut: boolean; readonly nodeId?: string } = { loggedOut: true, nodeId: "n1" };
  readonly now = new Cell<TailnetMembership | Error | undefined>(undefined);
  /** Asked at the moment of leaving. */
  onLeave: () => void = () => {};

  async join(
    { grantId, authKey, hostname, coordinationUrl }: TailnetJoin,
    onProgress: (words: string) => void,
    signal: AbortSignal,
  ): Promise<TailnetMembership> {
    this.done.push(`join ${grantId} as ${hostname} with ${authKey.reveal()}${at(coordinationUrl)}`);
    onProgress("Asking the coordination server");
    const outcome = this.joins.shift();
    if (outcome instanceof Error) throw outcome;
    if (outcome === "hangs")
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    const joined = membership({ grantId });
    this.now.set(joined);
    return joined;
  }
  async recall(_signal: AbortSignal): Promise<TailnetMembership | undefined> {
    const found = this.recalled.shift();
    if (found instanceof Error) throw found;
    this.done.push(`recall: ${found?.nodeId ?? "nothing"}`);
    if (found !== undefined) this.now.set(found);
    return found;
  }
  async acceptRoutes(accept: boolean): Promise<void> {
    this.done.push(accept ? "accept routes" : "accept no routes");
  }
  async *watch(signal: AbortSignal): AsyncGenerator<TailnetMembership> {
    let last: TailnetMembership | undefined;
    while (!signal.aborted) {
      const next = await this.now.first((value) => value !== last, signal);
      if (next instanceof Error) throw next;
      if (next === undefined) return;
      yield (last = next);
    }
  }
  async leave(_signal: AbortSignal): Promise<{ readonly loggedOut: boolean; readonly nodeId?: string }> {
    this.onLeave();
    this.done.push("leave");
    return this.left;
  }
}

/** Gives keys "k1", "k2", … */
export class ApiStandIn implements TailnetApi {
  readonly done: string[] = [];
  mints: Error[] = [];
  removalFails: Error | undefined;
  #minted = 0;

  async mintKey({ tags, apiUrl }: ApiOrder & { readonly tags: readonly string[] }): Promise<Secret> {
    this.done.push(`mint ${tags.join(" ")}${at(apiUrl)}`);
    const failure = this.mints.shift();
    this.#minted += 1;
    if (failure !== undefined) throw failure;
    return new Secret(`k${this.#minted}`);
  }
  async removeDevice({ nodeId, apiUrl }: ApiOrder & { readonly nodeId: string }): Promise<"removed"> {
    this.done.push(`remove ${nodeId}${at(apiUrl)}`);
    if (this.removalFails !== undefined) throw this.removalFails;
    return "removed";
  }
}

function at(url: string | undefined): string {
  return url === undefined ? "" : ` at ${url}`;
}
