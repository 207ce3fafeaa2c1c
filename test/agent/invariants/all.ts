import type { Invariant } from "../trace.ts";
import { AnEndingKeepsItsDeadline } from "./an-ending-keeps-its-deadline.ts";
import { BuildsEndByTheirOwnEnd } from "./builds-end-by-their-own-end.ts";
import { NothingHurtsUnknowingly } from "./nothing-hurts-unknowingly.ts";
import { QueuesAreBounded } from "./queues-are-bounded.ts";
import { ReadyMeansLookedAt } from "./ready-means-looked-at.ts";
import { RegistrationsAreRare } from "./registrations-are-rare.ts";
import { ReportsAreFew } from "./reports-are-few.ts";
import { RevocationsArePrompt } from "./revocations-are-prompt.ts";
import { SessionsAreRecordedOnce } from "./sessions-are-recorded-once.ts";
import { TheControlPlaneIsAskedRarely } from "./the-control-plane-is-asked-rarely.ts";
import { TheMachineComesBack } from "./the-machine-comes-back.ts";

/** Everything that holds whatever happens. Fresh ones: each remembers one simulated day. */
export function allInvariants(): readonly Invariant[] {
  return [
    new BuildsEndByTheirOwnEnd(),
    new NothingHurtsUnknowingly(),
    new SessionsAreRecordedOnce(),
    new RevocationsArePrompt(),
    new TheControlPlaneIsAskedRarely(),
    new RegistrationsAreRare(),
    new ReportsAreFew(),
    new AnEndingKeepsItsDeadline(),
    new ReadyMeansLookedAt(),
    new QueuesAreBounded(),
    new TheMachineComesBack(),
  ];
}
