import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, status as Code, Metadata, type ServiceError } from "@grpc/grpc-js";
import { AgentError } from "../../core/errors.ts";
import type { ProbeOutcome, ProbeTarget } from "../../core/network/probe-target.ts";
import { Branch } from "../../lifecycle/branch.ts";
import { buildkitClient } from "./channel.ts";
import { writeFetchRequest } from "./fetch-wire.ts";
import { expectedToFail } from "./probe-trace.ts";

const SOLVE = "/moby.buildkit.v1.Control/Solve";

/**
 * Asks BuildKit to fetch each as an HTTP source, all at once; what has not answered `waitMs` after
 * BuildKit has shown that it is awake is silent. Resolves to as many outcomes, in their order; to
 * undefined if nobody is there to ask. @throws {AgentError} "isolation.not-verified" (retryable) if
 * it did not try.
 */
export async function tryFetches(
  socketPath: string,
  targets: readonly Place[],
  waitMs: number,
  signal: AbortSignal,
): Promise<readonly ProbeOutcome[] | undefined> {
  signal.throwIfAborted();
  const client = buildkitClient(socketPath);
  using enough = new Branch(signal);
  // Each fetch listens, and all end with it: Node would take so many for a leak.
  setMaxListeners(targets.length + 1, enough.signal);
  const fetch = async (target: Place): Promise<ProbeOutcome> => {
    const url = urlOf(target);
    const failure = await solve(client, url, enough.signal);
    signal.throwIfAborted();
    return outcomeOf(failure, url);
  };
  try {
    const [outcomes, nowhere] = await Promise.all([
      Promise.all(targets.map(fetch)),
      fetch(NOWHERE).then(async (outcome) => {
        await sleep(waitMs, undefined, { signal });
        enough.abort();
        return outcome;
      }),
    ]);
    if (nowhere.is === "failed") return outcomes;
    throw new AgentError(
      "isolation.not-verified",
      `BuildKit is too busy to be tried: it did not say within ${DEADLINE_MS} ms that nobody listens on its own loopback`,
      { retryable: true },
    );
  } catch (failure) {
    signal.throwIfAborted();
    if (failure instanceof NobodyThere) return undefined;
    throw failure;
  } finally {
    client.close();
  }
}

type Place = Pick<ProbeTarget, "host" | "port">;

/**
 * On its own loopback, where nobody listens: that one fails at once, however all others are
 * refused. Where it does not, silence says nothing of the others.
 */
const NOWHERE = { host: "127.0.0.1", port: 1 };
const DEADLINE_MS = 5_000;

class NobodyThere extends Error {}

function urlOf({ host, port }: Place): string {
  return `http://${host.includes(":") ? `[${host.replace("%", "%25")}]` : host}:${port}/`;
}

/** Resolves to how it failed; when `enough` is aborted, it was cancelled. */
function solve(client: Client, url: string, enough: AbortSignal): Promise<ServiceError | null> {
  const metadata = new Metadata();
  metadata.set("traceparent", expectedToFail());
  return new Promise((resolve) => {
    const cancel = (): void => call.cancel();
    const call = client.makeUnaryRequest(
      SOLVE,
      (request: Buffer) => request,
      (answer: Buffer) => answer,
      Buffer.from(writeFetchRequest(randomUUID(), url)),
      metadata,
      { deadline: Date.now() + DEADLINE_MS },
      (failure) => {
        enough.removeEventListener("abort", cancel);
        resolve(failure);
      },
    );
    enough.addEventListener("abort", cancel, { once: true });
  });
}

/**
 * An error of the connection tells how it failed; any other one of the fetch, that somebody
 * answered. @throws {NobodyThere} @throws {AgentError} if the fetch was not tried.
 */
function outcomeOf(failure: ServiceError | null, url: string): ProbeOutcome {
  if (failure === null) return { is: "answered", detail: "it was fetched" };
  const { code, details } = failure;
  if (code === Code.DEADLINE_EXCEEDED || code === Code.CANCELLED) return { is: "silent" };
  if (code === Code.UNAVAILABLE) throw new NobodyThere();
  const connecting = /\bdial tcp [^ ]+: (?:connect: )?(.+)$/.exec(details)?.[1];
  if (connecting !== undefined) return { is: "failed", code: CODES.get(connecting) ?? connecting };
  if (/\b(?:Get|Head) "http:|invalid response status/.test(details)) return { is: "answered", detail: details };
  throw new AgentError("isolation.not-verified", `BuildKit did not try to fetch ${url}: ${details}`, {
    retryable: true,
    cause: failure,
  });
}

/** Go's words for what the system said (syscall/zerrors_linux_*.go), and the system's own. */
const CODES: ReadonlyMap<string, string> = new Map([
  ["connection refused", "ECONNREFUSED"],
  ["connection reset by peer", "ECONNRESET"],
  ["no route to host", "EHOSTUNREACH"],
  ["network is unreachable", "ENETUNREACH"],
  ["permission denied", "EACCES"],
  ["operation not permitted", "EPERM"],
  ["cannot assign requested address", "EADDRNOTAVAIL"],
  ["invalid argument", "EINVAL"],
  ["no such device", "ENODEV"],
  ["connection timed out", "ETIMEDOUT"],
  ["i/o timeout", "ETIMEDOUT"],
]);
