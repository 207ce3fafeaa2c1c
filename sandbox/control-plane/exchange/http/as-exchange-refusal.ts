import { ExchangeRefusal } from "../exchange-refusal.ts";

/** What a caller is told of a failure: ours as they are, nothing of others. */
export function asExchangeRefusal(failure: unknown): ExchangeRefusal {
  if (failure instanceof ExchangeRefusal) return failure;
  return new ExchangeRefusal(500, "server_error", "failed", "The control plane failed.", { cause: failure });
}
