import { sameData } from "../../core/equality.ts";
import {
  isName,
  MIRROR_PLACES_MAX,
  type MirrorHost,
  type MirrorPlace,
  mirrorHosts,
} from "../../core/network/mirrors.ts";
import type { Cell } from "../../lifecycle/cell.ts";
import type { LoopReport } from "../../lifecycle/loop-report.ts";
import { type Pauses, reconcile } from "../../lifecycle/reconcile.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Names } from "../../ports/names.ts";
import type { Board } from "../board/board.ts";

/** A name's addresses change; most say for how long they are good, and few for less than this. */
const FOUND_FOR_MS = 60_000;
const PAUSES: Pauses = { passing: { baseMs: 2_000, capMs: 60_000 }, lastingMs: 60_000 };

/** The guard's own failures are the loop's. */
const SAID_BY_LOG: LoopReport = { succeeded() {}, failed() {}, reconciled() {} };

export interface MirrorPorts {
  readonly names: Names;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the addresses of the registries' mirrors that the control plane names, for the guard to
 * open: `found` is undefined until each was asked for once. A name that is not found keeps the
 * addresses that it had. Ends with `signal`.
 */
export async function findMirrors(
  { names, clock, log }: MirrorPorts,
  desired: Board["desired"],
  found: Cell<readonly MirrorPlace[] | undefined>,
  signal: AbortSignal,
): Promise<void> {
  const last = new Map<string, readonly string[]>();
  const placesOf = ({ host, port }: MirrorHost): readonly MirrorPlace[] =>
    (last.get(host) ?? []).map((address) => ({ address, port }));
  const find = async (host: string): Promise<void> => {
    last.set(host, (await names.addressesOf(host, signal)).toSorted());
  };
  await reconcile<readonly MirrorHost[]>(
    {
      clock,
      report: SAID_BY_LOG,
      watching: [desired],
      wanted: () => {
        const state = desired.get();
        return state && mirrorHosts(state.buildkit.registryMirrors);
      },
      same: sameData,
      pauses: PAUSES,
      async act(mirrors) {
        for (const { host } of mirrors.filter((mirror) => !isName(mirror))) last.set(host, [host]);
        const named = [...new Set(mirrors.filter(isName).map(({ host }) => host))];
        const asked = await Promise.allSettled(named.map(find));
        for (const host of last.keys()) if (!mirrors.some((mirror) => mirror.host === host)) last.delete(host);
        const places = mirrors.flatMap(placesOf);
        if (places.length > MIRROR_PLACES_MAX) log.warn({ addresses: places.length }, "mirrors.too-many-addresses");
        found.set(places.slice(0, MIRROR_PLACES_MAX));
        for (const one of asked) if (one.status === "rejected") throw one.reason;
        return named.length === 0 ? undefined : FOUND_FOR_MS;
      },
      failed: ({ err, retryInMs }) => log.warn({ err, retryInMs }, "mirrors.not-found"),
    },
    signal,
  );
}
