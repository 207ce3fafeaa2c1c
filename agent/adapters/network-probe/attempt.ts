import type { ProbeOutcome } from "../../core/network/probe-target.ts";
import { addressOf } from "./address-of.ts";
import { askOverTcp, askOverUdp } from "./ask-names.ts";
import type { Try } from "./protocol.ts";
import { connectTcp } from "./tcp.ts";
import { sayUdp } from "./udp.ts";

/** Tries one target, and waits for what comes of it no longer than its deadline. Never rejects. */
export async function attempt(one: Try, nameservers: readonly string[]): Promise<ProbeOutcome> {
  const over = new AbortController();
  const deadline = setTimeout(() => {
    // What has arrived by now is read before the deadline counts: on a busy machine both may be due
    // in the same turn.
    setImmediate(() => setImmediate(() => over.abort()));
  }, one.deadlineMs);
  try {
    const host = await addressOf(one.host, nameservers, over.signal);
    return await TRIED[one.via](host, one.port, over.signal);
  } catch (failure) {
    return over.signal.aborted ? { is: "silent" } : { is: "failed", code: codeOf(failure) };
  } finally {
    clearTimeout(deadline);
    over.abort();
  }
}

const TRIED: Readonly<Record<Try["via"], (host: string, port: number, signal: AbortSignal) => Promise<ProbeOutcome>>> =
  { tcp: connectTcp, udp: sayUdp, "dns-udp": askOverUdp, "dns-tcp": askOverTcp };

function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure ? String(failure.code) : String(failure);
}
