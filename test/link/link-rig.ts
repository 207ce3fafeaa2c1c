import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { connectToGateway } from "../../agent/adapters/link/client.ts";
import { listenForControl } from "../../agent/adapters/link/server.ts";
import type { AllowSet } from "../../agent/core/allow-set.ts";
import type { ControlLink, ControlOrder } from "../../agent/ports/control-link.ts";
import type { Gateway, GatewayEvent } from "../../agent/ports/gateway.ts";
import { Sightings } from "../gateway/sightings.ts";
import { WatchedLog } from "../gateway/watched-log.ts";

export const KEY = "ab".repeat(32);

/** A place for a link, and a way to make either end of it. Everything is closed with the rig. */
export class LinkRig implements AsyncDisposable {
  readonly path: string;
  readonly log = new WatchedLog();
  readonly #dir: string;
  readonly #over = new AbortController();
  readonly #closers: (() => unknown)[] = [];

  private constructor(dir: string) {
    this.#dir = dir;
    this.path = join(dir, "gateway.sock");
  }

  static async make(): Promise<LinkRig> {
    return new LinkRig(await mkdtemp(join(tmpdir(), "link-")));
  }

  /** The gateway's end, saying hello to whoever comes. */
  async gateway(hello: Partial<GatewayEvent & { is: "hello" }> = {}): Promise<{
    readonly link: ControlLink;
    readonly orders: Sightings<ControlOrder>;
  }> {
    const link = await listenForControl({ path: this.path, log: this.log });
    const orders = new Sightings<ControlOrder>();
    this.#closers.push(() => link.close());
    void (async () => {
      for await (const order of link.orders(this.#over.signal)) {
        if (order.is === "connected") link.tell({ ...HELLO, ...hello });
        orders.see(order);
      }
    })();
    return { link, orders };
  }

  /** Control's end. */
  control(beatMs?: number): { readonly gateway: Gateway; readonly events: Sightings<GatewayEvent> } {
    const beat = beatMs === undefined ? {} : { beatMs };
    const gateway = connectToGateway({ path: this.path, clock: systemClock(), log: this.log, ...beat });
    const events = new Sightings<GatewayEvent>();
    void (async () => {
      for await (const event of gateway.events(this.#over.signal)) events.see(event);
    })();
    return { gateway, events };
  }

  /** Somebody who connects and does not speak our language. */
  async stranger(): Promise<Socket> {
    const socket = connect(this.path);
    socket.on("error", () => undefined);
    this.#closers.push(() => socket.destroy());
    await new Promise((resolve) => socket.once("connect", resolve));
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    for (const close of this.#closers.toReversed()) await close();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

export const HELLO: Extract<GatewayEvent, { is: "hello" }> = {
  is: "hello",
  runId: "run-1",
  request: { der: new Uint8Array([0x30, 0x00]), spkiSha256: KEY },
  open: [],
  closed: [],
};

export function allowSet(change: Partial<AllowSet> = {}): AllowSet {
  return {
    revision: 1n,
    epoch: "epoch",
    trustDomain: "builds.test",
    buildCas: ["-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"],
    grants: new Map(),
    closed: new Map(),
    admission: { at: "open" },
    confirmedAt: { wallMs: 1_700_000_000_000, monoMs: 12_345.678 },
    ...change,
  };
}
