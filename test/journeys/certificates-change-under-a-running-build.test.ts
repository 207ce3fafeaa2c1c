import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { keyOf, servingCertificate } from "./stage/serving-certificate.ts";
import { sharedStage } from "./stage/shared-stage.ts";

const LIFETIME_MS = 5_000;
const RENEWALS = 3;

const stage = sharedStage({
  plane: { machineCertificateLifetimeMs: LIFETIME_MS, servingCertificateLifetimeMs: LIFETIME_MS },
});

it("both are renewed again and again with new keys; the build is unharmed, and each new connection sees the newest", async () => {
  const { log, plane } = stage();
  const [build, visitor] = [await stage().openBuild(), await stage().openBuild()];
  await using held = await stage().holdBuild(build);
  const seen = [await servingCertificate(visitor)];
  const attaches = [stage().machine.attaches];
  for (let renewal = 1; renewal <= RENEWALS; renewal += 1) {
    const certified = await log.next("serving.certified");
    const certificate = await servingCertificate(visitor);
    expect(Date.parse(certificate.validTo)).toBe(Date.parse(String(certified.data["notAfter"])));
    seen.push(certificate);
    const before = attaches.at(-1) ?? 0;
    await plane.until(() => stage().machine.attaches > before, { what: "a stream under the new identity" });
    attaches.push(stage().machine.attaches);
  }
  expect(new Set(seen.map(keyOf)).size).toBe(RENEWALS + 1);
  expect(stage().machine.renewals).toBeGreaterThanOrEqual(RENEWALS);
  expect(await held.isStepRunning()).toBe(true);
  await held.finish();
  expect((await stage().untilRecords(build))[0]?.ending).toBe(SessionEnding.CLIENT_CLOSED);
  expect(await log.all("certificates.renewal-failed")).toEqual([]);
  expect(await log.all("identity.registered")).toHaveLength(1);
});
