import type { EventEmitter } from "node:events";
import { resolve } from "node:path";
import { describePolicy, inWords } from "../../attestation/describe.ts";
import { loadPolicy } from "../../attestation/load.ts";
import type { PolicyInForce } from "../../attestation/policy-in-force.ts";
import { messageOf } from "../../failure.ts";
import type { Terminal } from "../../terminal/terminal.ts";

/** Says what a policy lets in. @throws {PolicyInvalid} with all that is wrong with it. */
export async function checkPolicy(
  file: string,
  { json }: { readonly json?: boolean },
  { out, paint }: Terminal,
): Promise<void> {
  const entries = describePolicy(await loadPolicy(resolve(file)));
  if (json === true) return out(JSON.stringify(entries, null, 2));
  if (entries.length === 0) return out(paint("dim", "It lets nobody in: machines come by join tokens alone."));
  for (const entry of entries) out(inWords(entry));
}

/** A policy with a mistake is not taken, and the one in force stays. */
export function retakeOn(hangUps: EventEmitter, policy: PolicyInForce, { out, err }: Terminal): void {
  hangUps.on("hang-up", () => {
    policy.retake().then(
      () => out(`The attestation policy is taken anew: ${countOf(policy)}.`),
      (failure: unknown) => err(`${messageOf(failure)}\nThe policy of before stays in force.`),
    );
  });
}

export function countOf({ loaded }: PolicyInForce): string {
  const { length } = describePolicy(loaded);
  return length === 1 ? "1 entry" : `${length} entries`;
}
