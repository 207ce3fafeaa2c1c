import { inWords } from "../../core/errors.ts";
import { PlaneError } from "../../core/plane-status.ts";
import type { LoopReport } from "../../lifecycle/loop-report.ts";
import type { Prove } from "../board/prove.ts";
import type { Refusals } from "../board/refusals.ts";
import { Keeper } from "./keeper.ts";
import type { CertificateCells, CertificatePorts } from "./parts.ts";

/**
 * Keeps both certificates young. At the due time both keys are made anew; when the gateway restarts
 * and comes with a new key, only that one is certified. A failed renewal keeps what is there and
 * tries again. Ends of certificates are judged by the control plane's clock, which issued them:
 * ours may be hours off, and may be set at any time. Ends with `signal`.
 * @throws {MachineRefused} when the control plane refuses this machine for good.
 */
export async function keepCertificates(
  ports: CertificatePorts,
  cells: CertificateCells,
  bootId: string,
  refusals: Refusals,
  prove: Prove,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const keeper = new Keeper(ports, cells, bootId);
  for (let failures = 0; !signal.aborted; ) {
    const due = keeper.due();
    if (due === undefined && !keeper.isExpired()) {
      await keeper.nextLook(signal);
      continue;
    }
    const isHopeless = due === undefined || keeper.isExpired();
    const identity = cells.identity.get();
    const failure = isHopeless ? keeper.expired() : await failureOf(keeper.renew(due, signal));
    if (signal.aborted) return;
    if (failure === undefined) {
      refusals.heard();
      report.succeeded();
      failures = 0;
      continue;
    }
    refusals.judge(failure);
    const retryInMs = keeper.note(failure, failures);
    const isUnknown = failure instanceof PlaneError && failure.step === "new-evidence";
    const wasExpired = keeper.isExpired();
    const mustProve = wasExpired || isUnknown;
    // Another chapter may have been quicker; or the clock was set, and nothing has expired.
    const isGood = (): boolean =>
      !keeper.isExpired() && (wasExpired || !isUnknown || cells.identity.get() !== identity);
    // Of a control plane that does not say its time, what it just issued may have expired for us.
    if (mustProve && (isGood() || (await prove(signal, isGood))) && !keeper.isExpired()) {
      failures = keeper.proved(failures);
      await keeper.pause(keeper.pauseAfterProofMs(failures), signal);
    } else {
      failures += 1;
      report.failed(inWords(failure), retryInMs);
      await keeper.pause(retryInMs, signal);
    }
  }
}

/** What it rejects with; undefined once it is done. */
function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (err: unknown) => err,
  );
}
