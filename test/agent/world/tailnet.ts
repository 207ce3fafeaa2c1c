import { AgentError } from "../../../agent/core/errors.ts";
import { Secret } from "../../../agent/core/secret.ts";
import type { TailnetMembership } from "../../../agent/core/tailnet/wish.ts";
import type { TailnetApi, TailnetJoin, TailnetNode } from "../../../agent/ports/tailnet.ts";
import { Mailbox } from "./mailbox.ts";
import type { Stage } from "./stage.ts";

/** tailscaled, and the server that it joins. Both outlive control. */
export class SimulatedTailnet implements TailnetNode, TailnetApi {
  readonly #stage: Stage;
  joinMs = 300;
  leaveMs = 300;
  joinsToFail = 0;
  /** Subnet routes that its peers offer: they may collide with the builds' own ranges. */
  routes: readonly string[] = [];
  membership: TailnetMembership | undefined;
  #nodes = 0;
  readonly #watchers = new Set<Mailbox<TailnetMembership>>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get unread(): number {
    return [...this.#watchers].reduce((most, { size }) => Math.max(most, size), 0);
  }

  /** The daemon is gone; its state is not. */
  die(): void {
    for (const watcher of this.#watchers)
      watcher.close(new AgentError("tailnet.daemon-failed", "gone", { retryable: true }));
  }

  reboot(): void {
    this.membership = undefined;
    this.#stage.trace.note({ is: "tailnet", isJoined: false });
  }

  offer(routes: readonly string[]): void {
    this.routes = routes;
    if (this.membership !== undefined) this.#turn({ ...this.membership, offeredRoutes: routes });
  }

  async join({ grantId, tags }: TailnetJoin, onProgress: (words: string) => void, signal: AbortSignal) {
    onProgress("Asking the coordination server");
    await this.#stage.clock.wait(this.joinMs, signal);
    signal.throwIfAborted();
    if (this.joinsToFail > 0) {
      this.joinsToFail -= 1;
      throw new AgentError("tailnet.coordination-unreachable", "No answer", { retryable: true });
    }
    this.#nodes += 1;
    const membership: TailnetMembership = {
      grantId,
      nodeId: `n${this.#nodes}`,
      name: "builder.tailnet.test",
      addresses: ["100.64.0.7"],
      tags,
      magicDnsSuffix: "tailnet.test",
      offeredRoutes: this.routes,
      acceptsRoutes: false,
    };
    this.#turn(membership);
    return membership;
  }

  async recall(): Promise<TailnetMembership | undefined> {
    await this.#stage.clock.wait(100);
    return this.membership;
  }

  async acceptRoutes(acceptsRoutes: boolean): Promise<void> {
    await this.#stage.clock.wait(20);
    if (this.membership !== undefined) this.#turn({ ...this.membership, acceptsRoutes });
  }

  async *watch(signal: AbortSignal): AsyncGenerator<TailnetMembership> {
    const watcher = new Mailbox<TailnetMembership>();
    if (this.membership === undefined) throw new AgentError("tailnet.daemon-failed", "gone", { retryable: true });
    watcher.put(this.membership);
    this.#watchers.add(watcher);
    try {
      yield* watcher.read(signal);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async leave(signal: AbortSignal): Promise<{ readonly loggedOut: boolean; readonly nodeId?: string }> {
    await this.#stage.clock.wait(this.leaveMs, signal);
    const nodeId = this.membership?.nodeId;
    this.membership = undefined;
    for (const watcher of this.#watchers) watcher.close();
    this.#stage.trace.note({ is: "tailnet", isJoined: false });
    this.#stage.trace.note({ is: "step", step: "tailnet-left" });
    return { loggedOut: !signal.aborted, ...(nodeId !== undefined && { nodeId }) };
  }

  async mintKey(): Promise<Secret> {
    await this.#stage.clock.wait(50);
    return new Secret("key");
  }

  async removeDevice(): Promise<"removed"> {
    await this.#stage.clock.wait(50);
    return "removed";
  }

  #turn(membership: TailnetMembership): void {
    this.membership = membership;
    this.#stage.trace.note({ is: "tailnet", isJoined: true });
    for (const watcher of this.#watchers) watcher.put(membership);
  }
}
