import type { AllowSet } from "../../core/allow-set.ts";
import type { Instant } from "../../core/instant.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { Gateway, GatewayEvent } from "../../ports/gateway.ts";
import type { Channel } from "../../wire/channel.ts";
import { Inbox } from "../../wire/inbox.ts";
import { LinkClient, type LinkClientOptions } from "./client.ts";

/** Events that may wait to be read: beyond, the gateways wait. */
const EVENTS_MAX = 1_000;

export interface GatewaysOptions extends Omit<LinkClientOptions, "path" | "places"> {
  /** A place each, whoever sits there. */
  readonly paths: readonly string[];
}

/**
 * Every gateway of this machine as one: the one that serves, one that is about to, and those that
 * finish. Each sits at one of a few sockets. Orders go to all of them, a certificate to whom its
 * key belongs.
 */
export function connectToGateways({ paths, ...options }: GatewaysOptions): Gateway {
  const left = new Pulse();
  const places = { isTaken: (): boolean => seats.some((seat) => seat.isGreeted), left };
  const seats: readonly Seat[] = paths.map((path) => new Seat({ ...options, path, places }));
  return new Gateways(seats, left);
}

class Gateways implements Gateway {
  readonly #seats: readonly Seat[];
  readonly #left: Pulse;
  #present = "";

  constructor(seats: readonly Seat[], left: Pulse) {
    this.#seats = seats;
    this.#left = left;
  }

  events(signal: AbortSignal): AsyncIterable<GatewayEvent> {
    const events = new Inbox<GatewayEvent>(EVENTS_MAX);
    this.#present = "";
    void Promise.all(this.#seats.map((seat) => seat.attend(events, () => this.#tellPresent(events), signal))).then(() =>
      events.close(),
    );
    return events.drain(signal);
  }

  allow(allowSet: AllowSet): void {
    for (const { link } of this.#seats) link.allow(allowSet);
  }

  confirm(at: Instant): void {
    for (const { link } of this.#seats) link.confirm(at);
  }

  /** One that nobody in sight asked for is kept for whoever comes back with its key. */
  certify(keySpkiSha256: string, chainPem: string): void {
    const holders = this.#seats.filter((seat) => seat.keySpkiSha256 === keySpkiSha256);
    const away = this.#seats.filter((seat) => !seat.isGreeted);
    for (const { link } of holders.length > 0 ? holders : away) link.certify(keySpkiSha256, chainPem);
  }

  /** The youngest serves, or will. Where none is in sight, whoever comes. */
  rotateKey(): void {
    const inSight = this.#seats.filter((seat) => seat.isGreeted && !seat.isRetired);
    const [youngest] = inSight.toSorted((a, b) => b.startedMonoMs - a.startedMonoMs);
    for (const { link } of youngest === undefined ? this.#seats : [youngest]) link.rotateKey();
  }

  cutAll(): void {
    for (const { link } of this.#seats) link.cutAll();
  }

  acknowledge(sessionIds: readonly string[]): void {
    for (const { link } of this.#seats) link.acknowledge(sessionIds);
  }

  retire(runId: string): void {
    for (const seat of this.#seats) if (seat.runId === runId) seat.retire();
  }

  /** When who is there has changed, and every seat was looked at. */
  #tellPresent(events: Inbox<GatewayEvent>): void {
    if (this.#seats.some((seat) => !seat.isKnown)) return;
    const runIds = this.#seats.flatMap(({ runId }) => (runId === undefined ? [] : [runId])).toSorted();
    const present = JSON.stringify(runIds);
    if (present === this.#present) return;
    this.#present = present;
    this.#left.note();
    events.push({ is: "present", runIds });
  }
}

/** One of the sockets, and what is known of who sits there. */
class Seat {
  readonly link: LinkClient;
  /** Who sits there, in sight or not; undefined: nobody, or not looked at yet. */
  runId: string | undefined;
  keySpkiSha256: string | undefined;
  startedMonoMs = 0;
  isGreeted = false;
  isRetired = false;
  /** Whether it is known who sits there: in sight, or nobody. */
  isKnown = false;

  constructor(options: LinkClientOptions) {
    this.link = new LinkClient(options);
  }

  retire(): void {
    this.isRetired = true;
    this.link.retire();
  }

  async attend(events: Inbox<GatewayEvent>, changed: () => void, signal: AbortSignal): Promise<void> {
    this.isKnown = false;
    this.link.onAbsent = () => {
      this.runId = undefined;
      this.isKnown = true;
      changed();
    };
    const push = (event: GatewayEvent, channel?: Pick<Channel, "pause" | "resume">): void => {
      this.#note(event);
      const from = this.runId === undefined ? {} : { from: this.runId };
      events.push(event.is === "hello" ? { ...event, beside: true } : { ...event, ...from }, channel);
      if (event.is === "hello") changed();
    };
    await this.link.stayConnected({ push }, signal);
  }

  #note(event: GatewayEvent): void {
    if (event.is === "hello" || event.is === "request") this.keySpkiSha256 = event.request.spkiSha256;
    if (event.is === "lost") {
      this.isGreeted = false;
      this.isKnown = false;
      this.keySpkiSha256 = undefined;
    } else if (event.is === "hello") {
      this.runId = event.runId;
      this.startedMonoMs = event.startedMonoMs ?? 0;
      this.isRetired = event.retired === true;
      this.isGreeted = true;
      this.isKnown = true;
    }
  }
}
