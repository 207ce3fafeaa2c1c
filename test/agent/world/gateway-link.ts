import type { AllowSet } from "../../../agent/core/allow-set.ts";
import type { Instant } from "../../../agent/core/instant.ts";
import type { Gateway, GatewayEvent } from "../../../agent/ports/gateway.ts";
import type { GatewayProcess } from "./gateway-process.ts";
import { Mailbox } from "./mailbox.ts";
import type { Stage } from "./stage.ts";

/**
 * Control's end of the link, as the adapter is: it comes back by itself, tells of it, and sends
 * what was wished for meanwhile, the last of each kind.
 */
export class GatewayLink implements Gateway {
  readonly #stage: Stage;
  readonly #process: GatewayProcess;
  #events: Mailbox<GatewayEvent> | undefined;
  #isUp = false;
  #allowSet: AllowSet | undefined;
  #certificate: { readonly key: string; readonly chainPem: string } | undefined;
  #wantsFreshKey = false;
  #wantsCut = false;
  #key = "";

  constructor(stage: Stage, process: GatewayProcess) {
    this.#stage = stage;
    this.#process = process;
  }

  get unread(): number {
    return this.#events?.size ?? 0;
  }

  events(signal: AbortSignal): AsyncIterable<GatewayEvent> {
    const events = new Mailbox<GatewayEvent>();
    this.#events = events;
    this.connect();
    return events.read(signal);
  }

  /** Harmless if it is up, or if one of the two ends is not there. */
  connect(): void {
    if (this.#isUp || this.#events === undefined || !this.#process.isRunning) return;
    this.#isUp = true;
    this.#stage.trace.note({ is: "link", isUp: true });
    this.#process.greet((event) => this.#hear(event));
  }

  lose(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#process.deafen();
    this.#stage.trace.note({ is: "link", isUp: false });
    this.#events?.put({ is: "lost" });
  }

  /** The control process ends. */
  end(): void {
    this.lose();
    this.#process.loseListener();
  }

  allow(allowSet: AllowSet): void {
    this.#allowSet = allowSet;
    if (this.#isUp) this.#process.allow(allowSet);
  }

  confirm(at: Instant): void {
    if (this.#allowSet === undefined) return;
    this.#allowSet = { ...this.#allowSet, confirmedAt: at };
    if (this.#isUp) this.#process.confirm(at);
  }

  certify(key: string, chainPem: string): void {
    this.#certificate = { key, chainPem };
    if (this.#isUp) this.#process.certify(key, chainPem);
  }

  rotateKey(): void {
    this.#wantsFreshKey = true;
    if (this.#isUp) this.#process.rotateKey();
  }

  cutAll(): void {
    this.#wantsCut = true;
    const { known, openCount } = this.#process;
    this.#stage.trace.note({ is: "hurt", what: "all-cut", known, open: openCount });
    if (this.#isUp) this.#process.cutAll();
  }

  /** This world's gateway is never replaced. */
  retire(): void {}

  acknowledge(sessionIds: readonly string[]): void {
    if (this.#isUp) this.#process.acknowledge(sessionIds);
  }

  #hear(event: GatewayEvent): void {
    if (event.is === "cut") this.#wantsCut = false;
    if (event.is === "hello" || event.is === "request") this.#noteKey(event.request.spkiSha256);
    this.#events?.put(event);
    if (event.is !== "hello") return;
    if (this.#allowSet !== undefined) this.#process.allow(this.#allowSet);
    if (this.#certificate !== undefined) this.#process.certify(this.#certificate.key, this.#certificate.chainPem);
    if (this.#wantsFreshKey) this.#process.rotateKey();
    if (this.#wantsCut) this.#process.cutAll();
  }

  #noteKey(key: string): void {
    if (this.#key !== "" && key !== this.#key) this.#wantsFreshKey = false;
    if (key !== this.#certificate?.key) this.#certificate = undefined;
    this.#key = key;
  }
}
