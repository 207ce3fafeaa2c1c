import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { keyOf, servingCertificate } from "./stage/serving-certificate.ts";
import { sharedStage } from "./stage/shared-stage.ts";

/**
 * Renewed after two thirds: by then the machine is up and the build runs. A second renewal is ten
 * minutes away.
 */
const LIFETIME_MS = 36_000;
const RENEWED_WITHIN_MS = 120_000;

const stage = sharedStage({
  plane: { machineCertificateLifetimeMs: LIFETIME_MS, servingCertificateLifetimeMs: LIFETIME_MS },
});

it("both are renewed with new keys; the build is unharmed, and a new connection sees the newest", {
  timeout: RENEWED_WITHIN_MS,
}, async () => {
  const { log, plane } = stage();
  const [build, visitor] = [await stage().openBuild(), await stage().openBuild()];
  await using held = await stage().holdBuild(build);
  const old = await servingCertificate(visitor);
  const { attaches } = stage().machine;
  expect(stage().machine.renewals).toBe(0);
  const certified = await log.next("serving.certified");
  const renewed = await servingCertificate(visitor);
  expect(Date.parse(renewed.validTo)).toBe(Date.parse(String(certified.data["notAfter"])));
  expect(keyOf(renewed)).not.toBe(keyOf(old));
  await plane.until(() => stage().machine.attaches > attaches, { what: "a stream under the new identity" });
  expect(await held.isStepRunning()).toBe(true);
  await held.finish();
  expect((await stage().untilRecords(build))[0]?.ending).toBe(SessionEnding.CLIENT_CLOSED);
  expect(await log.all("certificates.renewal-failed")).toEqual([]);
  expect(await log.all("identity.registered")).toHaveLength(1);
});
