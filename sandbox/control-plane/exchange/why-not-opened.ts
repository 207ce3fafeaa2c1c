import { SigningRequestInvalid } from "../../pki/signing-request.ts";
import { BuildRefused } from "../acceptance.ts";
import { WaitedInVain } from "../changes.ts";
import { ExchangeRefusal } from "./exchange-refusal.ts";

/** Why a build was not opened, for the job's own log: machines of its own project are no secret. */
export function whyNotOpened(
  failure: unknown,
  { isServed, project }: { readonly isServed: boolean; readonly project: string },
): unknown {
  if (failure instanceof ExchangeRefusal) return failure;
  if (failure instanceof SigningRequestInvalid)
    return new ExchangeRefusal(400, "invalid_request", "csr-invalid", failure.message, { cause: failure });
  if (failure instanceof BuildRefused) return ExchangeRefusal.forNow("refused-by-machines", failure.message, failure);
  if (!isServed) return ExchangeRefusal.forNow("no-machine", `No machine of ${project} is attached.`, failure);
  if (failure instanceof WaitedInVain) return ExchangeRefusal.forNow("no-machine-answered", failure.message, failure);
  return failure;
}
