import type { Fact } from "../facts.ts";
import type { Invariant } from "../trace.ts";

/**
 * Whatever the clocks say, and however often they are set: who holds a certificate that the control
 * plane takes does not register. A join token is good for one registration.
 */
export class RegistrationsAreRare implements Invariant {
  readonly name = "registrations-are-rare";
  readonly promise = "A machine registers only where the control plane would not take the certificate that it has";

  note(fact: Fact): string | undefined {
    if (fact.is !== "registered" || fact.goodForMs <= 0) return undefined;
    return `It registered with a certificate that was good for ${Math.round(fact.goodForMs / 1_000)} s more`;
  }
}
