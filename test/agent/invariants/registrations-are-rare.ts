import type { Fact } from "../facts.ts";
import type { Invariant } from "../trace.ts";

/** Certificates end at whole seconds (RFC 5280): within its last one nobody need count on it. */
const LAST_SECOND_MS = 1_000;

/**
 * Whatever the clocks say, and however often they are set: who holds a certificate that the control
 * plane takes does not register. A join token is good for one registration.
 */
export class RegistrationsAreRare implements Invariant {
  readonly name = "registrations-are-rare";
  readonly promise = "A machine registers only where the control plane would not take the certificate that it has";

  note(fact: Fact): string | undefined {
    if (fact.is !== "registered" || fact.goodForMs < LAST_SECOND_MS) return undefined;
    return `It registered with a certificate that was good for ${Math.round(fact.goodForMs / 1_000)} s more`;
  }
}
